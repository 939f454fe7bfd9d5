//! The places of a connection string: each host with its port and the password for it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use streamgauge_shared::exit_code::Failure;

use super::passfile::{self, Login};
use super::settings::Settings;
use super::surroundings::Surroundings;

const PORT: u16 = 5432;

/// One place where PostgreSQL may be. Displays as `host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// Its host.
    pub host: Host,
    /// Its port; of a socket the number in its name.
    pub port: u16,
    /// What its users prove themselves with.
    pub(in crate::postgres) password: Option<String>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, or an address in place of one.
    Tcp {
        /// What a certificate is compared with.
        name: String,
        /// Where it is, if the name is not to be looked up.
        address: Option<IpAddr>,
    },
    /// A folder with a socket of this machine.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Host::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
            Host::Unix(folder) => write!(f, "{}:{}", folder.display(), self.port),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// The places that the settings name, in order, and why the password file is ignored if it is.
///
/// # Errors
/// A port or an address that is none, or lists that do not fit each other; 104.
pub(super) fn places(
    settings: &Settings,
    database: &str,
    user: &str,
    around: &Surroundings,
) -> Result<(Vec<Place>, Option<String>), Failure> {
    let list =
        |keyword: &str| settings.text(keyword).map(|text| text.split(',').map(str::trim).collect::<Vec<_>>());
    let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port").unwrap_or_default());
    let count = hosts.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    if let (Some(hosts), Some(addresses)) = (&hosts, &addresses)
        && hosts.len() != addresses.len()
    {
        return Err(settings.mistake(
            "hostaddr",
            &format!(
                "has {} entries, and there are {} hosts: give one for each",
                addresses.len(),
                hosts.len()
            ),
        ));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(settings.mistake(
            "port",
            &format!("has {} entries, and there are {count} hosts: give one, or one for each", ports.len()),
        ));
    }
    let mut found = Vec::with_capacity(count);
    for index in 0..count {
        let port = match ports.get(index).or(ports.first()) {
            None | Some(&"") => PORT,
            Some(text) => match text.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(settings.mistake("port", "is not a number from 1 to 65535: correct it")),
            },
        };
        let name = hosts.as_ref().map_or("", |hosts| hosts[index]);
        let address = match addresses.as_ref().map_or("", |addresses| addresses[index]) {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                settings.mistake("hostaddr", "is not an IP address: correct it, or give host")
            })?),
        };
        found.push(Place { host: host(name, address, port), port, password: None });
    }
    let note = add_passwords(&mut found, settings, database, user, around);
    Ok((found, note))
}

fn host(name: &str, address: Option<IpAddr>, port: u16) -> Host {
    let name = match (name, address) {
        ("", Some(address)) => address.to_string(),
        ("", None) => Surroundings::default_host(port),
        (name, _) => name.to_owned(),
    };
    // An @ is Linux' sign of a socket without a file.
    if address.is_none() && (name.starts_with('/') || name.starts_with('@')) {
        Host::Unix(name.into())
    } else {
        Host::Tcp { name, address }
    }
}

fn add_passwords(
    places: &mut [Place],
    settings: &Settings,
    database: &str,
    user: &str,
    around: &Surroundings,
) -> Option<String> {
    if let Some(password) = settings.text("password") {
        places.iter_mut().for_each(|place| place.password = Some(password.to_owned()));
        return None;
    }
    let own = settings.text("passfile").map(PathBuf::from);
    let path = own.or_else(|| around.home.as_ref().map(|home| home.join(".pgpass")))?;
    let text = match passfile::read(&path) {
        Ok(text) => text?,
        Err(note) => return Some(note),
    };
    for place in places {
        let host = match &place.host {
            Host::Tcp { name, .. } => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        };
        let host = if Surroundings::is_default_folder(&host) { "localhost" } else { &host };
        place.password = passfile::password(&text, Login { host, port: place.port, database, user });
    }
    None
}
