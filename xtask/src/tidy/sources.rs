//! Checks on the text of single files: their first line, their length, what they may name.

use super::Finding;
use super::tree::SourceFile;

/// The longest source file, in lines.
const LONGEST: usize = 700;

/// The user interface's only importers of Tauri: the platform module and what is generated for it.
const PLATFORM: &[&str] = &["ui/src/platform/tauri.ts", "ui/src/platform/bindings.ts"];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let rules: [fn(&SourceFile) -> Option<Finding>; 6] =
        [opening, length, platform, machine_path, resolved_address, workspace_lints];
    files.iter().flat_map(|file| rules.iter().filter_map(move |rule| rule(file))).collect()
}

fn is_generated(file: &SourceFile) -> bool {
    file.path.ends_with("/bindings.ts")
}

/// Every Rust file says what lives in it.
fn opening(file: &SourceFile) -> Option<Finding> {
    let told = file.text.starts_with("//! ");
    (file.is_rust() && !told).then(|| Finding::new(&file.path, "must begin with `//!` and what lives here"))
}

fn length(file: &SourceFile) -> Option<Finding> {
    let source = (file.is_rust() || file.is_typescript()) && !is_generated(file);
    let lines = file.text.lines().count();
    let problem = || format!("has {lines} lines, more than {LONGEST}: split it");
    (source && lines > LONGEST).then(|| Finding::new(&file.path, problem()))
}

/// The user interface runs in a plain browser: one module alone knows Tauri.
fn platform(file: &SourceFile) -> Option<Finding> {
    let ours = file.path.starts_with("ui/src/") && file.is_typescript();
    if !ours || PLATFORM.contains(&file.path.as_str()) {
        return None;
    }
    let (number, _) = file.text.lines().enumerate().find(|(_, line)| {
        line.contains("\"@tauri-apps/") || line.contains("'@tauri-apps/") || line.contains("`@tauri-apps/")
    })?;
    let place = format!("{}:{}", file.path, number + 1);
    Some(Finding::new(place, format!("only {} may import @tauri-apps", PLATFORM[0])))
}

/// No file names a folder of the machine that it was written on.
fn machine_path(file: &SourceFile) -> Option<Finding> {
    const FOLDER: &str = concat!("/wo", "rk/");
    let names_it = |line: &str| {
        line.match_indices(FOLDER).any(|(at, _)| {
            // Behind a name or a variable it is a folder of somewhere else.
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "._-*}>)".contains(c))
        })
    };
    let (number, _) = file.text.lines().enumerate().find(|(_, line)| names_it(line))?;
    Some(Finding::new(
        format!("{}:{}", file.path, number + 1),
        format!("names {FOLDER}, a path of one machine"),
    ))
}

/// The sources install from whatever registry a person has set: no file names one.
fn resolved_address(file: &SourceFile) -> Option<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let names_it = |line: &str| {
        let line = line.trim_start();
        match name {
            "package-lock.json" => line.starts_with("\"resolved\": \"http"),
            ".npmrc" => line.starts_with("registry") || line.contains(":registry"),
            "config.toml" => line.starts_with("[source.") || line.starts_with("[registries"),
            _ => false,
        }
    };
    let (number, _) = file.text.lines().enumerate().find(|(_, line)| names_it(line))?;
    Some(Finding::new(format!("{}:{}", file.path, number + 1), "names a package registry"))
}

/// Every crate takes the lints of the workspace.
fn workspace_lints(file: &SourceFile) -> Option<Finding> {
    let manifest = file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml");
    let taken = file.text.contains("[lints]\nworkspace = true");
    let own_workspace = file.text.contains("\n[workspace]\n");
    (manifest && !taken && !own_workspace)
        .then(|| Finding::new(&file.path, "must have `[lints] workspace = true`"))
}

/// A line on how long the Rust files are.
pub(crate) fn lengths(files: &[SourceFile]) -> String {
    let rust = files.iter().filter(|file| file.is_rust());
    let mut lines: Vec<_> = rust.map(|file| (file.text.lines().count(), file.path.as_str())).collect();
    lines.sort_unstable();
    let (Some((longest, path)), Some((median, _))) = (lines.last(), lines.get(lines.len() / 2)) else {
        return "no Rust files".to_owned();
    };
    format!("{} Rust files: median {median} lines, longest {longest} ({path})", lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        check(&[file]).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn refused(path: &str, text: &str, word: &str) {
        let found = problems(path, text);
        assert!(found.len() == 1 && found[0].contains(word), "{found:?}");
    }

    #[track_caller]
    fn accepted(path: &str, text: &str) {
        assert_eq!(problems(path, text), Vec::<String>::new());
    }

    #[test]
    fn a_rust_file_says_what_lives_in_it() {
        accepted("src/a.rs", "//! Clocks.\n");
        refused("src/a.rs", "use std::io;\n", "begin with");
        refused("build.rs", "// A build script.\n", "begin with");
    }

    #[test]
    fn a_file_has_at_most_700_lines() {
        accepted("a.rs", &format!("//! A.\n{}", "x\n".repeat(LONGEST - 1)));
        refused("a.rs", &format!("//! A.\n{}", "x\n".repeat(LONGEST)), "701 lines");
        refused("ui/src/a.tsx", &"x\n".repeat(LONGEST + 1), "701 lines");
        accepted("ui/src/platform/bindings.ts", &"x\n".repeat(LONGEST + 1));
    }

    #[test]
    fn only_the_platform_module_imports_tauri() {
        let import = "import { invoke } from \"@tauri-apps/api/core\";\n";
        accepted("ui/src/platform/tauri.ts", import);
        refused("ui/src/graph/view.tsx", import, "ui/src/graph/view.tsx:1");
        refused("ui/src/a.ts", "\nconst x = await import('@tauri-apps/api');\n", "ui/src/a.ts:2");
    }

    #[test]
    fn no_path_of_one_machine_is_named() {
        let path = concat!("/wo", "rk/main");
        refused("README.md", &format!("See {path}.\n"), "README.md:1");
        accepted("README.md", &format!("See examples/commands{path}.\n"));
        accepted("a.rs", &format!("//! A.\nformat!(\"{{plan}}{path}\")\n"));
    }

    #[test]
    fn no_registry_is_named() {
        refused("ui/package-lock.json", "{\n  \"resolved\": \"https://r.example/x.tgz\"\n", ":2");
        refused("ui/.npmrc", "registry=https://r.example\n", "registry");
        refused(".cargo/config.toml", "[source.crates-io]\n", "registry");
        accepted("ui/.npmrc", "save-exact=true\nomit-lockfile-registry-resolved=true\n");
    }

    #[test]
    fn a_crate_without_the_lints_is_named() {
        accepted("x/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n");
        refused("x/Cargo.toml", "[package]\n", "[lints]");
    }

    #[test]
    fn the_median_is_told() {
        let file = |path: &str, lines: usize| SourceFile { path: path.into(), text: "x\n".repeat(lines) };
        let text = lengths(&[file("a.rs", 10), file("b.rs", 500), file("c.rs", 90)]);
        assert_eq!(text, "3 Rust files: median 90 lines, longest 500 (b.rs)");
    }
}
