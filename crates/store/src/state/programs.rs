//! What ran: the meaning of each rule when it was last about to run, and the files of the program that a daemon took up.

use super::database::{Arg, Row, Turn, args, tuples};
use super::{State, StateError};
use tidings_plan::Ran;

const RAN: &str = "\
    SELECT p.rule, p.name, p.core, CAST(CASE WHEN EXISTS (SELECT 1 FROM tidings_occasions o WHERE o.rule = p.rule) \
        THEN 1 ELSE 0 END AS BIGINT) AS reached FROM tidings_programs p ORDER BY p.rule";
const FILES: &str = "SELECT path, text FROM tidings_running ORDER BY path";
const FORGET: &str = "DELETE FROM tidings_running";
/// How many rows are written at once.
const AT_ONCE: usize = 100;

impl State {
    /// What every rule that was ever about to run was then, and whether it reached anybody.
    pub async fn ran(&self) -> Result<Vec<Ran>, StateError> {
        let mut tx = self.snapshot().await?;
        tx.list(RAN, args![], ran).await
    }

    /// Notes what rules are that are about to run.
    pub async fn note_rules(&self, rules: &[Ran]) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::Changes).await?;
        let now = tx.now;
        for rules in rules.chunks(AT_ONCE) {
            let row = |ran: &Ran| args![&ran.identity, &ran.name, &ran.core, now];
            let args: Vec<Arg> = rules.iter().flat_map(row).collect();
            let insert = format!(
                "INSERT INTO tidings_programs (rule, name, core, at) VALUES {} ON CONFLICT (rule) DO UPDATE \
                 SET name = excluded.name, core = excluded.core, at = excluded.at",
                tuples(1, 4, rules.len())
            );
            tx.execute(insert, args).await?;
        }
        tx.commit().await
    }

    /// The files of the program that a daemon took up last, by path; none where no daemon ran.
    pub async fn running(&self) -> Result<Vec<(String, String)>, StateError> {
        let mut tx = self.snapshot().await?;
        tx.list(FILES, args![], |row| Ok((row.get("path")?, row.get("text")?))).await
    }

    /// Notes the files of the program that a daemon takes up, in place of those before.
    pub async fn note_running(&self, files: &[(String, String)]) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::Changes).await?;
        let now = tx.now;
        tx.execute(FORGET, args![]).await?;
        for files in files.chunks(AT_ONCE) {
            let args: Vec<Arg> = files.iter().flat_map(|(path, text)| args![path, text, now]).collect();
            let values = tuples(1, 3, files.len());
            tx.execute(format!("INSERT INTO tidings_running (path, text, at) VALUES {values}"), args).await?;
        }
        tx.commit().await
    }
}

fn ran(row: Row<'_>) -> Result<Ran, sqlx::Error> {
    Ok(Ran {
        identity: row.get("rule")?,
        name: row.get("name")?,
        core: row.get("core")?,
        reached: row.flag("reached")?,
    })
}
