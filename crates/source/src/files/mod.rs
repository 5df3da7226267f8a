//! Files, folders and streams of manifests and of what `kubectl get -o json|yaml` writes.

mod json;
mod walk;
mod yaml;

use crate::gather::{Batch, gather};
use crate::{Loaded, Options, Origin, Progress, SourceError, Trouble};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The largest file or stream that is read: 2 GiB.
pub const FILE_BYTES_MAX: u64 = 2 << 30;

/// The most that all files of a folder may hold together: 8 GiB.
pub const TOTAL_BYTES_MAX: u64 = 8 << 30;

/// The most files a folder may hold.
pub const FILES_MAX: usize = 1_000_000;

/// How a stream is called in what is said about it.
const STREAM: &str = "stdin";

/// Reads a file, or every `.json`, `.yaml` and `.yml` file of a folder and of the folders in it.
///
/// Files may hold single objects, Lists, several documents, arrays. A file named by itself is read whatever its name.
/// Hidden files and folders are left out, symbolic links are followed.
///
/// # Errors
/// When the path does not exist, holds nothing, or is too large. What is wrong with a part of it is in
/// [`Loaded::troubles`].
pub fn read_path(path: &Path, options: &Options<'_>) -> Result<Loaded, SourceError> {
    let unreadable = |reason: std::io::Error| match reason.kind() {
        ErrorKind::NotFound => SourceError::NoSuchPath { path: path.to_owned() },
        _ => SourceError::Unreadable { path: path.to_owned(), reason },
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let mut batch = Batch::default();
    if metadata.is_dir() {
        std::fs::read_dir(path).map_err(unreadable)?;
        read_folder(path, &mut batch, options)?;
    } else {
        let bytes = read_file(path, FILE_BYTES_MAX)?;
        add_file(&path.display().to_string(), path, &bytes, &mut batch);
    }
    finish(path, batch, options)
}

/// Reads a stream of one or more documents, JSON or YAML.
///
/// # Errors
/// When the stream cannot be read, holds nothing, or is too large.
pub fn read_stream(stream: impl Read, options: &Options<'_>) -> Result<Loaded, SourceError> {
    let path = Path::new(STREAM);
    let bytes = read_all(path, stream, FILE_BYTES_MAX)?;
    let mut batch = Batch::default();
    add_file(STREAM, Path::new(""), &bytes, &mut batch);
    finish(path, batch, options)
}

fn read_folder(path: &Path, batch: &mut Batch, options: &Options<'_>) -> Result<(), SourceError> {
    let walked = walk::walk(path)?;
    batch.skipped = walked.skipped;
    batch.troubles.extend(walked.troubles);
    let (mut bytes_total, total) = (0, walked.files.len());
    for (done, file) in walked.files.iter().enumerate() {
        let name = file.display().to_string();
        if let Some(report) = options.progress {
            report(&Progress { done, total, objects: batch.objects.len(), last: name.clone() });
        }
        match read_file(file, FILE_BYTES_MAX.min(TOTAL_BYTES_MAX - bytes_total)) {
            Ok(bytes) => {
                bytes_total += bytes.len() as u64;
                add_file(&name, file, &bytes, batch);
            }
            Err(SourceError::TooLarge { .. }) if bytes_total > TOTAL_BYTES_MAX - FILE_BYTES_MAX => {
                let (path, what) = (path.to_owned(), "more bytes in all its files".to_owned());
                return Err(SourceError::TooLarge { path, what, limit: TOTAL_BYTES_MAX });
            }
            Err(error) => {
                batch.troubles.push(Trouble { file: name, message: error.to_string(), ..Trouble::default() });
            }
        }
    }
    Ok(())
}

fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
    let file = std::fs::File::open(path)
        .map_err(|reason| SourceError::Unreadable { path: path.to_owned(), reason })?;
    read_all(path, file, limit)
}

fn read_all(path: &Path, stream: impl Read, limit: u64) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let read = stream.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|reason| SourceError::Unreadable { path: path.to_owned(), reason })?;
    if bytes.len() as u64 > limit {
        let (path, what) = (path.to_owned(), "more bytes".to_owned());
        return Err(SourceError::TooLarge { path, what, limit });
    }
    Ok(bytes)
}

/// Parses one file into the batch.
fn add_file(name: &str, path: &Path, bytes: &[u8], batch: &mut Batch) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut file = batch.file(name, &stem);
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    // YAML contains JSON, but its reader is slower and gives up a whole document where the other saves its items.
    if is_json || json::is_likely(text) && (json::begins_well(text) || !yaml::is_well_formed(text)) {
        json::read(text, &mut file);
    } else {
        yaml::read(text, &mut file);
    }
}

fn finish(path: &Path, batch: Batch, options: &Options<'_>) -> Result<Loaded, SourceError> {
    if batch.holds_nothing() {
        return Err(SourceError::Empty { path: path.to_owned(), skipped: batch.skipped });
    }
    let origin = Origin::Manifests { path: path.display().to_string(), files: batch.files() };
    gather(batch, origin, options)
}
