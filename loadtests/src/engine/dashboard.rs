//! Goose's live dashboard over one load.

use std::io;

use goose::config::GooseConfiguration;
use tempfile::TempDir;

pub(super) struct Dashboard {
    port: u16,
    /// Goose wants a folder for each run that its dashboard may save; ours are records.
    folder: TempDir,
}

impl Dashboard {
    pub(super) fn on(port: u16) -> io::Result<Self> {
        Ok(Self {
            port,
            folder: tempfile::tempdir()?,
        })
    }

    pub(super) fn configure(&self, configuration: &mut GooseConfiguration) {
        configuration.dashboard = true;
        configuration.dashboard_port = Some(self.port);
        configuration.output_dir = Some(self.folder.path().display().to_string());
    }
}
