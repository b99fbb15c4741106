//! Arbitrary files of other hands: plans, queues and status files. No panic, and what is read can be
//! written and read again. The first byte chooses the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use miyabi_plan::{NamedText, PlanText, read};
use miyabi_protocol::{AttemptSheet, QueueFile, StatusFile};

fuzz_target!(|data: &[u8]| {
    let [choice, bytes @ ..] = data else { return };
    let text = String::from_utf8_lossy(bytes);
    let named = |file: &str| Some(NamedText::new(file, text.clone()));
    let plan = match choice % 7 {
        0 => PlanText { tasks: named("task_dag.json"), ..PlanText::default() },
        1 => PlanText { agent_config: named("agent_config.json"), ..PlanText::default() },
        2 => PlanText { tmux_layout: named("tmux_layout.conf"), ..PlanText::default() },
        3 => PlanText { prompt_template: named("prompt_template.md"), prices: named("prices.json"), ..PlanText::default() },
        4 => return again::<StatusFile>(bytes),
        5 => return again::<QueueFile>(bytes),
        _ => return again::<AttemptSheet>(bytes),
    };
    let _read = read(&plan);
});

fn again<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_vec(&value).expect("what was read can be written");
        let _again: T = serde_json::from_slice(&written).expect("and read again");
    }
}
