//! The published JSON Schemas: the committed copies do not drift, and the examples fit them.

use std::fs;
use std::path::{Path, PathBuf};

use miyabi_plan::schema::json_schemas;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    for (file, schema) in json_schemas() {
        let path = root().join("docs/schema").join(file);
        let now = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &now).expect("docs/schema can be written");
        }
        assert!(text(&path) == now, "docs/schema/{file} is not up to date: run this test with UPDATE=1");
    }
}

#[test]
fn the_examples_and_a_new_plan_fit_the_schemas() {
    for (file, schema) in json_schemas() {
        let validator = jsonschema::validator_for(&schema.to_value()).expect("a valid schema");
        let name = file.replace(".schema", "");
        let mut texts: Vec<(&str, String)> = miyabi_plan::init_files("demo")
            .into_iter()
            .filter(|(file, _)| *file == name)
            .map(|(_, text)| ("a new plan", text))
            .collect();
        for example in ["level6", "commands"] {
            let file = root().join("examples").join(example).join(&name);
            texts.extend(file.exists().then(|| (example, text(&file))));
        }
        let built_in = root().join("src-tauri/crates/plan/src").join(&name);
        texts.extend(built_in.exists().then(|| ("the built-in table", text(&built_in))));
        assert!(!texts.is_empty(), "nothing shows {name}");
        for (which, text) in texts {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{} {error}", error.instance_path()))
                .collect();
            assert_eq!(errors, Vec::<String>::new(), "{which} {name}");
        }
    }
}

#[test]
fn the_schemas_refuse_what_reading_refuses() {
    let schemas: Vec<Value> = json_schemas().into_iter().map(|(_, schema)| schema.to_value()).collect();
    let validator = jsonschema::validator_for(&schemas[0]).expect("a valid schema");
    let task =
        serde_json::json!({"id": "A", "title": "t", "prompt": "p", "agent": "CG-1", "estimated_seconds": 1});
    let plan = |change: &dyn Fn(&mut Value)| {
        let mut task = task.clone();
        change(&mut task);
        validator.is_valid(&serde_json::json!({"name": "p", "tasks": [task]}))
    };
    assert!(plan(&|_| ()));
    assert!(plan(&|task| task["acceptance"] = serde_json::json!([["a"], {"run": ["b"]}])));
    assert!(!plan(&|task| task["id"] = "a b".into()));
    assert!(!plan(&|task| task["estimated_seconds"] = 0.into()));
    assert!(!plan(&|task| task["acceptance"] = serde_json::json!([[]])));
    assert!(!plan(&|task| task["colour"] = 1.into()));
}
