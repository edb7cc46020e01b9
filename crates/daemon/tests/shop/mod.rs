//! A project and its shop, in a folder of their own.

use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tidings_daemon::Site;
use tidings_store::import::Options;
use tidings_store::{Import, Source};

/// A project folder that goes away with it; its store is empty at first.
pub struct Shop(TempDir);

impl Shop {
    /// One with these files.
    pub fn new(files: &[(&str, &str)]) -> Shop {
        let shop = Shop(tempfile::tempdir().unwrap());
        files.iter().for_each(|(path, text)| shop.write(path, text));
        shop
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Opened at what the clock says, for sends that are caught.
    pub fn site(&self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Site {
        let site = Site::open(self.folder(), true, Arc::new(clock));
        site.unwrap_or_else(|unsound| panic!("{:#?}", unsound.lines()))
    }

    /// Rows of tables into its store, each table's from the text of a CSV file.
    pub async fn import(&self, site: &Site, tables: &[(&str, &str)]) {
        let file = |(table, rows): &(&str, &str)| {
            let name = format!("{table}.csv");
            self.write(&name, rows);
            Source { table: (*table).to_owned(), path: self.folder().join(name) }
        };
        let sources: Vec<Source> = tables.iter().map(file).collect();
        let (project, options) = (&site.project, Options::new(site.project.config.settings()));
        let import = Import::plan(&sources, project.vocabulary.as_deref(), &options, &mut |_| {}).unwrap();
        import.run(&project.config.store, self.folder(), &mut |_| {}).await.unwrap();
    }
}
