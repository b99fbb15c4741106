//! `miyabi init`: a small plan to change, in a folder of its own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use miyabi_api::{ApiError, ErrorCode};
use miyabi_client::{Environment, Service};
use miyabi_plan::init_files;

use crate::args::Init;
use crate::exit::Exit;

/// Writes the files. Nothing that is there is overwritten.
pub(crate) fn init(args: &Init) -> Result<Exit, ApiError> {
    let service = Service::new(Environment::from_process()?);
    let folder = std::path::absolute(&args.folder).map_err(|error| failed(&args.folder, &error))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = init_files(&name);
    if let Some((taken, _)) = files.iter().find(|(file, _)| folder.join(file).exists()) {
        let message = format!("{} is there already; nothing was written", folder.join(taken).display());
        return Err(ApiError::new(ErrorCode::BadInput, message).hint("choose another folder"));
    }
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    for (file, text) in &files {
        let path = folder.join(file);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| failed(&path, &error))?;
        println!("{}", args.folder.join(file).display());
    }
    // Its commands are ours: the person who asked for it need not be asked again.
    service.trust(&folder)?;
    let shown = args.folder.display();
    println!("\nNext:\n  miyabi validate {shown}\n  miyabi run {shown} --rehearse");
    Ok(Exit::Done)
}

fn failed(path: &Path, error: &io::Error) -> ApiError {
    ApiError::new(ErrorCode::Environment, format!("cannot write {}: {error}", path.display()))
}
