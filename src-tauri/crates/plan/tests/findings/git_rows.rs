//! One row a fault of git, verification and checks.

use super::File;
use super::rows::Row;

pub(crate) const GIT_ROWS: &[Row] = &[
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": "yes","#,
        "error[wrong-type] task_dag.json:3 git: `git` is a text; it must be true, false or an object, an object of git. Change it.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"remotes": "a"},"#,
        "error[unknown-key] task_dag.json:3 git.remotes: An object of git has no key `remotes`. Did you mean `remote`?",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"copy": [".env", "/etc/passwd"]},"#,
        "error[bad-path] task_dag.json:3 git.copy[1]: `/etc/passwd` leads out of the work folder. Name a file below the work folder, as in `.env`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"copy": ["a/../../b"]},"#,
        "error[bad-path] task_dag.json:3 git.copy[0]: `a/../../b` leads out of the work folder. Name a file below the work folder, as in `.env`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"copy": [".git/config"]},"#,
        "error[bad-path] task_dag.json:3 git.copy[0]: `.git/config` is a file of git itself. Name a file below the work folder, as in `.env`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"setup": [[]]},"#,
        r#"error[empty-command] task_dag.json:3 git.setup[0]: The setup has a command without a program. Write the program and its arguments, as in `["make", "test"]`."#,
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"ports": {"first": 65500, "count": 20}},"#,
        "error[bad-ports] task_dag.json:3 git.ports: 2 agents with 20 ports each, from 65500 on, need more ports than there are up to 65535. Lower `first` or `count`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"ports": {"first": 4000}},"#,
        "error[missing-key] task_dag.json:3 git.ports: An object of ports lacks the key `count`. Add it; it must be a whole number.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"remote": "--upload-pack=x"},"#,
        "error[bad-remote] task_dag.json:3 git.remote: `--upload-pack=x` is not the name of a remote. Write a name that `git remote` lists, as in `origin`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"api": "http://git.example"},"#,
        "error[bad-api] task_dag.json:3 git.api: `http://git.example` is not the address of a forge's API. Write one that begins with `https://`, as in `https://git.example/api/v3`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"conflicts": "nobody"},"#,
        "error[unknown-word] task_dag.json:3 git.conflicts: `nobody` is not a word that `conflicts` knows. Write one of `agent`, `person`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "git": {"reviewer": "CG-3"},"#,
        "error[unknown-agent] task_dag.json:3 git.reviewer: Conflicts go to `CG-3`, which no agent is called. Did you mean `CG-1`?",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": []}],"#,
        r#"error[empty-command] task_dag.json:3 verification[0]: The verification has a command without a program. Write the program and its arguments, as in `["make", "test"]`."#,
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {}}],"#,
        "error[bad-number] task_dag.json:3 verification[0].number: It is not said what the number must be. Write `equals`; or `about` and `within_percent`; or `at_least`, `at_most` or both.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"equals": 1, "at_least": 2}}],"#,
        "error[bad-number] task_dag.json:3 verification[0].number: The number is bounded in two ways. Write `equals`; or `about` and `within_percent`; or `at_least`, `at_most` or both.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"about": 1}}],"#,
        "error[bad-number] task_dag.json:3 verification[0].number: It is not said how near the number must be. Write `equals`; or `about` and `within_percent`; or `at_least`, `at_most` or both.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"about": 1, "within_percent": -2}}],"#,
        "error[bad-number] task_dag.json:3 verification[0].number: `within_percent` is -2, less than nothing. Write how far it may be off, as in 5.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"at_least": 5, "at_most": 3.5}}],"#,
        "error[bad-number] task_dag.json:3 verification[0].number: No number is at least 5 and at most 3.5. Exchange the two, or remove one.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"equals": "55"}}],"#,
        "error[wrong-type] task_dag.json:3 verification[0].number.equals: `equals` is a text; it must be a number. Change it.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"equals": 5}, "tests": {"pytest": true}}],"#,
        "error[two-expectations] task_dag.json:3 verification[0].tests: The check expects a number and tests. Make two checks of it, or remove one.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "number": {"equals": 5}, "exit_code": 1}],"#,
        "error[two-expectations] task_dag.json:3 verification[0].exit_code: The check expects a number and another exit code than 0: a number counts with exit code 0 alone. Remove `exit_code`, or make two checks of it.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "exit_code": 1, "tests": {"pytest": true}}],"#,
        "error[two-expectations] task_dag.json:3 verification[0].exit_code: The check expects tests and an exit code: where tests are told, the exit code is not looked at. Remove `exit_code`.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "exit_code": 256}],"#,
        "error[out-of-range] task_dag.json:3 verification[0].exit_code: `exit_code` is 256. Write a number from 0 to 255.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "tests": {}}],"#,
        r#"error[bad-tests] task_dag.json:3 verification[0].tests: It is not said where the tests are told. Write `"junit": "report.xml"`, the file that the command writes, or `"pytest": true`."#,
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "tests": {"junit": "a.xml", "pytest": true}}],"#,
        "error[bad-tests] task_dag.json:3 verification[0].tests.pytest: The tests are told twice, by a JUnit file and by pytest. Remove one of the two.",
    ),
    (
        File::Dag,
        r#""name": "demo","#,
        r#""name": "demo", "verification": [{"run": ["a"], "tests": {"junit": "../a.xml"}}],"#,
        "error[bad-path] task_dag.json:3 verification[0].tests.junit: `../a.xml` leads out of the work folder. Name a file below the work folder, as in `junit.xml`.",
    ),
    (
        File::Dag,
        r#"[["true"]]"#,
        r#"[{"run": ["true"], "tests": {"junit": "~/a.xml"}}]"#,
        "error[bad-path] task_dag.json:13 tasks[0].acceptance[0].tests.junit: `~/a.xml` leads out of the work folder. Name a file below the work folder, as in `junit.xml`.",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""needs": [], "approval": "agent","#,
        "error[unknown-word] task_dag.json:10 tasks[0].approval: `agent` is not a word that `approval` knows. Write one of `person`.",
    ),
];
