//! `annals gws-user`

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use clap::Args;

use super::Failed;
use crate::config::gws::check_name;

/// Hashes a password for `[gws] users`.
///
/// Prompts for it twice without showing it. If standard input is not a terminal, the password is
/// its first line. The output belongs in the settings file, or in `ANNALS_GWS_USERS`.
#[derive(Args)]
pub struct GwsUser {
    /// The user's name, which is also the ownerId of the user's interactions
    name: String,
}

impl GwsUser {
    /// Needs no settings, since a missing hash may be what makes them invalid.
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        check_name(&self.name).map_err(|what| Failed(format!("the name {what}")))?;
        let password = if io::stdin().is_terminal() {
            asked()?
        } else {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line)?;
            line.trim_end_matches(['\n', '\r']).to_owned()
        };
        if password.is_empty() {
            return Err(Failed("the password is empty".to_owned()));
        }
        let hash = Argon2::default()
            .hash_password(password.as_bytes())
            .map_err(|error| Failed(format!("the password cannot be hashed: {error}")))?;
        println!("{}:{hash}", self.name);
        Ok(ExitCode::SUCCESS)
    }
}

/// Prompts twice on the terminal.
fn asked() -> Result<String, Failed> {
    let password = rpassword::prompt_password("Password: ")?;
    if rpassword::prompt_password("The same again: ")? == password {
        Ok(password)
    } else {
        Err(Failed("the two passwords differ".to_owned()))
    }
}
