#!/bin/sh
# Fetches what `make browser-test` and `make screenshots` need into a folder:
#
#   tools.sh FOLDER
#
# bin/chromium and bin/chromedriver are Debian's, with the libraries and the font that the machine lacks, unpacked and
# not installed: no root, and no browser is left on the machine. axe.min.js is axe-core from npm. Debian only: Ubuntu's
# package of that name is a snap.
set -eu
AXE=4.14.1
mkdir -p "$1"
folder=$(cd "$1" && pwd)
debian="$folder/debian"

# Not the C library, which belongs to the machine's own loader.
lacking() {
  apt-get install -s -q --no-install-recommends chromium chromium-driver fonts-dejavu-core |
    sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -v '^libc6$' || true
}

fetch() {
  # The exit code of a pipeline is its last command's: a name that apt does not know is told apart here.
  apt-cache show chromium chromium-driver > /dev/null 2>&1 || return 1
  packages=$(lacking)
  # shellcheck disable=SC2086 # one word each
  [ -z "$packages" ] || apt-get download -q $packages
}

if [ ! -e "$debian/complete" ]; then
  mkdir -p "$debian"
  (
    cd "$debian"
    fetch || { apt-get update -q && fetch; }
    for package in *.deb; do
      [ ! -e "$package" ] || dpkg -x "$package" .
    done
    rm -f ./*.deb
    touch complete
  )
fi

# The same letters on every machine: pictures and line breaks depend on them.
cat > "$folder/fonts.conf" <<CONFIG
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$debian/usr/share/fonts</dir>
  <dir>/usr/share/fonts/truetype/dejavu</dir>
  <cachedir>$folder/font-cache</cachedir>
  <alias binding="same"><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
CONFIG

libraries=$(find "$debian" -name '*.so*' -printf '%h\n' | grep -v '/chromium$' | sort -u | paste -sd :)
mkdir -p "$folder/bin"
wrapper() {
  program="$debian$2"
  [ -x "$program" ] || program=$2
  cat > "$folder/bin/$1" <<SCRIPT
#!/bin/sh
LD_LIBRARY_PATH=$libraries
FONTCONFIG_FILE=$folder/fonts.conf
# A bus of the desktop is neither there nor wanted.
DBUS_SESSION_BUS_ADDRESS=disabled:
export LD_LIBRARY_PATH FONTCONFIG_FILE DBUS_SESSION_BUS_ADDRESS
exec "$program" "\$@"
SCRIPT
  chmod +x "$folder/bin/$1"
}
wrapper chromium /usr/lib/chromium/chromium
wrapper chromedriver /usr/bin/chromedriver

if [ "$(cat "$folder/axe.version" 2> /dev/null)" != "$AXE" ]; then
  (
    cd "$folder"
    npm pack --silent "axe-core@$AXE" > /dev/null
    tar -xzf "axe-core-$AXE.tgz" --strip-components=1 package/axe.min.js
    rm "axe-core-$AXE.tgz"
    echo "$AXE" > axe.version
  )
fi
"$folder/bin/chromium" --version
"$folder/bin/chromedriver" --version
