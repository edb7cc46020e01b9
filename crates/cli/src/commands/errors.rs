//! `tidings errors`

use crate::args::Errors;
use crate::failure::Failure;
use crate::screen::Screen;
use rust_embed::Embed;
use std::process::ExitCode;
use tidings_syntax::Code;

/// The pages of all codes.
#[derive(Embed)]
#[folder = "../../docs/errors"]
struct Pages;

/// Prints the page of a code, or every code with its title.
pub fn errors(args: &Errors, screen: &Screen) -> Result<ExitCode, Failure> {
    let Some(code) = &args.code else {
        for code in Code::ALL {
            screen.print(&format!("{}  {}", code.id(), code.title()));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let unknown = || Failure::new(format!("there is no code `{code}`; `tidings errors` lists them all"));
    let page = Pages::get(&format!("{}.md", code.to_uppercase())).ok_or_else(unknown)?;
    screen.print(&String::from_utf8_lossy(&page.data));
    Ok(ExitCode::SUCCESS)
}
