//! `make boards`: writes the boards into `compose/grafana/dashboards`, where Grafana reads them.

use std::io;

use streamgauge_boards::{folder, written};

fn main() -> io::Result<()> {
    for (file, text) in written() {
        std::fs::write(folder().join(file), text)?;
    }
    Ok(())
}
