//! What a plan allows its agents: what they may do without asking, what they may cost, and who
//! stands in for whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Usd;

/// What an agent program may do without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read files.
    Read,
    /// Read files, and write them below the work folder.
    #[default]
    Edit,
    /// Anything, without a sandbox of its own.
    Full,
}

/// How an agent program is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum AgentMode {
    /// Claude Code without a screen, by JSON lines both ways.
    Headless,
    /// `codex exec --json`: one process a turn.
    Exec,
    /// `codex app-server`: one process, approvals and follow-ups.
    AppServer,
    /// `codex mcp-server`, where the installed version has it.
    Mcp,
    /// The program's own screen in its tmux window.
    Interactive,
}

/// What becomes of an agent's request for permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// Where no rule fits.
    pub default: PolicyAnswer,
    /// The first rule that fits decides.
    pub rules: Vec<ApprovalRule>,
    /// After how many seconds a request that nobody answered is answered by itself.
    pub time_out_seconds: u32,
    /// That answer; [`PolicyAnswer::Ask`] waits on.
    pub on_time_out: PolicyAnswer,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self {
            default: PolicyAnswer::Ask,
            rules: Vec::new(),
            time_out_seconds: 1800,
            on_time_out: PolicyAnswer::Deny,
        }
    }
}

impl ApprovalPolicy {
    /// What the plan says to a request of this agent.
    #[must_use]
    pub fn answer(&self, agent: &crate::AgentId, tool: &str, what: &str) -> PolicyAnswer {
        let rule = self.rules.iter().find(|rule| rule.fits(agent, tool, what));
        rule.map_or(self.default, |rule| rule.answer)
    }
}

/// One rule of an [`ApprovalPolicy`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// The tool as its program names it, as in `Bash`; `*` stands for any text.
    pub tool: String,
    /// What is to be done, as in `pytest *`; `*` stands for any text. None fits all.
    pub pattern: Option<String>,
    /// The agent, or the kind of agents; none fits all.
    pub agent: Option<String>,
    /// What becomes of the request.
    pub answer: PolicyAnswer,
}

impl ApprovalRule {
    fn fits(&self, agent: &crate::AgentId, tool: &str, what: &str) -> bool {
        let named = |name: &String| name == agent.as_str() || name.as_str() == agent.kind().as_str();
        let allows = self.answer == PolicyAnswer::Allow;
        let fits_pattern =
            |pattern: &String| fits(pattern, what) && !(allows && hides_a_command(pattern, what));
        self.agent.as_ref().is_none_or(named)
            && fits(&self.tool, tool)
            && self.pattern.as_ref().is_none_or(fits_pattern)
    }
}

/// Whether a text that is like a pattern may be more than the pattern says: `pytest *` allows one
/// command, not what a shell would run after it, before it or inside it, nor what was cut off; and
/// `src/*` allows no file that lies above `src`.
fn hides_a_command(pattern: &str, text: &str) -> bool {
    let everything = !pattern.is_empty() && pattern.chars().all(|letter| letter == '*');
    let climbs = climbs(text) > climbs(pattern);
    !everything && (climbs || text.ends_with('…') || operators(pattern) != operators(text))
}

/// How often a text goes to the folder above, as `src/../../x` does twice.
fn climbs(text: &str) -> usize {
    let ends = |letter: char| {
        letter == '/' || letter == '=' || letter == '"' || letter == '\'' || letter.is_whitespace()
    };
    text.split(ends).filter(|part| *part == "..").count()
}

/// What a shell would see in a text besides words, in order.
fn operators(text: &str) -> Vec<char> {
    let opens = |at: usize| text[at..].starts_with("$(");
    let is_one = |(at, letter): &(usize, char)| ";&|<>`\n\r".contains(*letter) || opens(*at);
    text.char_indices().filter(is_one).map(|(_, letter)| letter).collect()
}

/// Whether a text is like a pattern in which `*` stands for any text.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// What a plan says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyAnswer {
    /// A person decides.
    #[default]
    Ask,
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// What may be spent before a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// By the whole run.
    pub run: Option<Usd>,
    /// By each agent.
    pub agent: Option<Usd>,
    /// By each task.
    pub task: Option<Usd>,
}

/// Who stands in for whom when a program cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// Whether Claude agents take the tasks of Codex agents.
    pub codex_to_claude: bool,
    /// Whether Codex agents take the tasks of Claude agents.
    pub claude_to_codex: bool,
    /// After how many failures in a row that are not the task's fault.
    pub after_failures: u32,
    /// How long it is left alone before one task tries whether it is back.
    pub recheck_seconds: u32,
}

impl Default for Fallback {
    fn default() -> Self {
        Self { codex_to_claude: true, claude_to_codex: false, after_failures: 3, recheck_seconds: 300 }
    }
}

/// What becomes of the tasks on a host that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failover {
    /// They wait for the host, until a person gives it up.
    #[default]
    ByPerson,
    /// They are run elsewhere by themselves; agents there stop before that.
    After {
        /// For how long a host may be lost.
        seconds: u32,
    },
}

impl Failover {
    /// Reads `by a person`, or a time of at most 30 days as in `after 10m`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "by a person" {
            return Some(Self::ByPerson);
        }
        let time = text.strip_prefix("after ")?;
        let (number, unit) = time.split_at_checked(time.len().checked_sub(1)?)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = number.parse::<u32>().ok().filter(|_| is_number)?.checked_mul(factor)?;
        (1..=crate::schema::MAX_SECONDS).contains(&seconds).then_some(Self::After { seconds })
    }

    /// For how long a host may be lost before its tasks are run elsewhere by themselves.
    #[must_use]
    pub const fn lease_seconds(self) -> Option<u32> {
        match self {
            Self::ByPerson => None,
            Self::After { seconds } => Some(seconds),
        }
    }
}

/// How much longer a task is expected to take with an agent of another kind, in percent.
pub const STAND_IN_PERCENT: u32 = 150;

/// What tokens cost, by model; a model's name may end in `*`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PriceTable {
    /// By the model's name.
    pub models: BTreeMap<String, Price>,
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Read for the first time.
    pub input: Usd,
    /// Read again from a cache.
    pub cached: Usd,
    /// Written.
    pub output: Usd,
}

impl PriceTable {
    /// What these tokens cost; none for a model that the table does not know. `cached` tokens are
    /// a part of `input`.
    #[must_use]
    pub fn cost(&self, model: &str, input: u64, cached: u64, output: u64) -> Option<Usd> {
        let price = self.models.get(model).or_else(|| {
            let like = self.models.iter().filter(|(name, _)| fits(name, model));
            like.max_by_key(|(name, _)| name.len()).map(|(_, price)| price)
        })?;
        let part = |tokens: u64, price: Usd| u128::from(tokens) * u128::from(price.micros());
        let cached = cached.min(input);
        let sum = part(input - cached, price.input) + part(cached, price.cached) + part(output, price.output);
        u64::try_from(sum.div_ceil(1_000_000)).ok().map(Usd::from_micros)
    }
}

/// A tool of an MCP server, and how it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpTool {
    /// As the server names it.
    pub name: String,
    /// By name; `{{prompt}}`, `{{work_folder}}`, `{{session}}`, `{{model}}` and `{{sandbox}}` stand
    /// for what they say. An argument whose text is only a placeholder without a value is left out.
    pub arguments: BTreeMap<String, String>,
}

/// The tools of an MCP server that an agent is run by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpTools {
    /// Begins a session.
    pub start: McpTool,
    /// Goes on in one, where the server can.
    pub reply: Option<McpTool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("Bash", "Bash", true),
            ("Bash", "Bash2", false),
            ("*", "", true),
            ("pytest *", "pytest -q", true),
            ("pytest *", "pytest", false),
            ("git * --force*", "git push --force-with-lease", true),
            ("a*a", "a", false),
            ("*b*c", "abxc", true),
            ("*b*c", "acb", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rule = |tool: &str, pattern: Option<&str>, agent: Option<&str>, answer| ApprovalRule {
            tool: tool.into(),
            pattern: pattern.map(Into::into),
            agent: agent.map(Into::into),
            answer,
        };
        let policy = ApprovalPolicy {
            rules: vec![
                rule("Bash", Some("rm *"), None, PolicyAnswer::Deny),
                rule("Bash", None, Some("CCG"), PolicyAnswer::Allow),
                rule("*", None, Some("CG-1"), PolicyAnswer::Allow),
            ],
            ..ApprovalPolicy::default()
        };
        let ask = |agent: &str, tool, what| policy.answer(&agent.parse().expect("valid"), tool, what);
        assert_eq!(ask("CCG-1", "Bash", "rm -rf x"), PolicyAnswer::Deny);
        assert_eq!(ask("CCG-1", "Bash", "ls"), PolicyAnswer::Allow);
        assert_eq!(ask("CG-2", "Bash", "ls"), PolicyAnswer::Ask);
        assert_eq!(ask("CG-1", "apply_patch", "x"), PolicyAnswer::Allow);
    }

    #[test]
    fn an_allowed_pattern_allows_no_second_command() {
        let policy = |pattern: &str, answer| ApprovalPolicy {
            rules: vec![ApprovalRule {
                tool: "Bash".into(),
                pattern: Some(pattern.into()),
                agent: None,
                answer,
            }],
            ..ApprovalPolicy::default()
        };
        let agent = "CCG-1".parse().expect("valid");
        let allowed = |pattern: &str, what: &str| {
            policy(pattern, PolicyAnswer::Allow).answer(&agent, "Bash", what) == PolicyAnswer::Allow
        };
        assert!(allowed("pytest*", "pytest -q $HOME/t"));
        for more in
            ["; rm x", " && rm x", " | sh", " > ~/.bashrc", " $(rm x)", " `rm x`", "\nrm x", " & rm x", "…"]
        {
            assert!(!allowed("pytest*", &format!("pytest -q{more}")), "{more:?}");
        }
        assert!(allowed("pytest* 2>&1 | tail*", "pytest -q 2>&1 | tail -20"), "what is written is allowed");
        assert!(allowed("*", "a; b"), "and so is everything");
        assert!(allowed("src/*", "src/a..b/c.py") && allowed("cat ../*", "cat ../a"));
        for above in ["src/../../.bashrc", "src/..", "src/a --to=../b", "src/ '../b'"] {
            assert!(!allowed("src/*", above), "{above}");
        }
        let denied = policy("rm *", PolicyAnswer::Deny).answer(&agent, "Bash", "rm x; ls");
        assert_eq!(denied, PolicyAnswer::Deny, "a refusal reaches further");
    }

    #[test]
    fn the_longest_name_that_fits_gives_the_price_and_cached_tokens_are_part_of_the_input() {
        let price = |input: f64| Price {
            input: Usd::from_dollars(input),
            cached: Usd::from_dollars(input / 10.0),
            output: Usd::from_dollars(10.0),
        };
        let models =
            [("gpt-5*", 1.0), ("gpt-5-codex*", 2.0)].map(|(name, input)| (name.to_owned(), price(input)));
        let table = PriceTable { models: models.into() };
        let cost = |model| table.cost(model, 1_000_000, 500_000, 100_000);
        assert_eq!(cost("gpt-5.1"), Some(Usd::from_dollars(0.5 + 0.05 + 1.0)));
        assert_eq!(cost("gpt-5-codex"), Some(Usd::from_dollars(1.0 + 0.1 + 1.0)));
        assert_eq!(cost("other"), None);
    }
}
