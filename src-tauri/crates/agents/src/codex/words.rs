//! Takes the shell off a command: `/bin/bash -lc 'pytest -q'` is `pytest -q` for a person and for
//! the rules of a plan.

/// The script within a command that Codex starts by a shell; the whole command where it is anything
/// else, so that nothing of it is hidden.
pub(super) fn script(command: &str) -> String {
    if let Some(words) = words(command)
        && let [shell, "-c" | "-lc", script] = words.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
        && ["sh", "bash", "zsh", "dash"].contains(&shell.rsplit('/').next().unwrap_or_default())
    {
        return (*script).to_owned();
    }
    command.to_owned()
}

/// The words of a quoted command; none where it is not one plain command.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => quoted(&mut letters, word.get_or_insert_default())?,
            '"' => double_quoted(&mut letters, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(letters.next()?),
            ';' | '|' | '&' | '<' | '>' | '(' | ')' | '$' | '`' => return None,
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Some(words)
}

fn quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            '\'' => return Some(()),
            letter => word.push(letter),
        }
    }
}

fn double_quoted(letters: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            '"' => return Some(()),
            '$' | '`' => return None,
            '\\' => match letters.next()? {
                letter @ ('"' | '\\' | '$' | '`') => word.push(letter),
                letter => word.extend(['\\', letter]),
            },
            letter => word.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shell_is_taken_off_only_where_nothing_is_lost() {
        for (command, expected) in [
            ("/bin/bash -lc 'echo shell; exit 3'", "echo shell; exit 3"),
            ("/bin/zsh -lc ls", "ls"),
            (r#"bash -lc "echo 'a' \"b\" \$c""#, r#"echo 'a' "b" $c"#),
            (r#"bash -lc 'it'"'"'s'"#, "it's"),
            ("bash -lc 'ls' x", "bash -lc 'ls' x"),
            ("bash -lc ls; rm x", "bash -lc ls; rm x"),
            (r#"bash -lc "$(rm x)""#, r#"bash -lc "$(rm x)""#),
            ("python3 -c 'print(1)'", "python3 -c 'print(1)'"),
            ("bash -lc 'open", "bash -lc 'open"),
            ("", ""),
        ] {
            assert_eq!(script(command), expected);
        }
    }

    proptest! {
        #[test]
        fn no_command_panics(command in "(bash -lc )?['\"\\\\ a-cあ$]{0,20}") {
            script(&command);
        }
    }
}
