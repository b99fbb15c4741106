//! What a person does to a run, for good or ill.

use miyabi_engine::{InboxItem, Order};
use miyabi_plan::{AgentId, HostId, TaskId, Usd};
use miyabi_protocol::{ApprovalAnswer, ApprovalScope, ReviewComment, TaskStatus};

use super::Run;
use crate::world::Happening;

impl Run {
    pub(super) fn some_task(&mut self) -> TaskId {
        let tasks: Vec<TaskId> = self.engine.state().tasks.iter().map(|task| task.id.clone()).collect();
        self.world.chance.pick(&tasks).clone()
    }

    pub(super) fn some_order(&mut self) -> Order {
        let task = self.some_task();
        let agents: Vec<AgentId> = self.engine.state().agents.iter().map(|agent| agent.id.clone()).collect();
        let agent = self.world.chance.pick(&agents).clone();
        let hosts: Vec<HostId> = self.engine.state().lost_hosts().map(|host| host.id.clone()).collect();
        if !hosts.is_empty() && self.world.chance.one_in(2) {
            return Order::GiveUpHost(self.world.chance.pick(&hosts).clone());
        }
        match self.world.chance.small(0..=24) {
            18 => Order::Accept(task),
            19 | 20 => self.sent_back(task),
            21 => Order::TakeCommit { task, revision: "mine".to_owned() },
            22..=24 => Order::VerifyAgain,
            13..=15 if !self.engine.state().inbox().is_empty() => self.some_answer(),
            16 | 17 => Order::Say { agent, text: "be quick".to_owned() },
            0 | 1 => Order::Pause,
            2 | 3 => Order::Resume,
            4 => Order::CancelRun,
            5 => Order::StopAll,
            6 | 7 => Order::CancelTask(task),
            8 | 9 => Order::RetryTask(task),
            _ => {
                let chance = &mut self.world.chance;
                let (stop_running, across_kinds) = (chance.one_in(2), chance.one_in(2));
                Order::Reassign { task, agent, stop_running, across_kinds, packet: None }
            }
        }
    }

    /// A person looks into the inbox.
    pub(super) fn some_answer(&mut self) -> Order {
        let inbox = self.engine.state().inbox();
        let first = inbox.first().copied();
        match first {
            Some(InboxItem::Budget(reached)) => {
                let spent = self.engine.state().spent_of(&reached.budget);
                let more = Usd::from_micros(u64::from(self.world.chance.small(1..=5_000_000)));
                Order::RaiseBudget { number: reached.number, limit: spent + more }
            }
            Some(InboxItem::Review(open)) => {
                let task = open.attempt.task.clone();
                match self.world.chance.one_in(4) {
                    true => self.sent_back(task),
                    false => Order::Accept(task),
                }
            }
            item => {
                let scope =
                    *self.world.chance.pick(&[ApprovalScope::Once, ApprovalScope::Task, ApprovalScope::Run]);
                let answer = match self.world.chance.one_in(4) {
                    true => ApprovalAnswer::Deny { reason: "no".to_owned() },
                    false => ApprovalAnswer::Allow,
                };
                Order::Answer { number: item.map_or(0, |item| item.number()), answer, scope }
            }
        }
    }

    pub(super) fn sent_back(&mut self, task: TaskId) -> Order {
        let line = self.world.chance.small(1..=40);
        let file = Some("a.txt".to_owned());
        let comments = vec![ReviewComment { file, line: Some(line), text: "better".to_owned() }];
        Order::SendBack { task, comments }
    }

    /// An edit by other hands, of the file as it is.
    pub(super) fn edit_queue(&mut self) {
        let agents: Vec<AgentId> = self.engine.state().agents.iter().map(|agent| agent.id.clone()).collect();
        let agent = self.world.chance.pick(&agents).to_string();
        let which = self.world.chance.up_to(40);
        let what = self.world.chance.small(0..=4);
        let site = self.world.chance.up_to(self.world.sites.len() - 1);
        let queue = self.world.sites[site].queue.as_mut();
        let Some(queue) = queue.filter(|queue| !queue.tasks.is_empty()) else { return };
        let count = queue.tasks.len();
        let failed = queue.tasks.iter().position(|task| task.status == TaskStatus::Failed);
        let task = &mut queue.tasks[failed.unwrap_or(which % count)];
        match what {
            0 => task.status = TaskStatus::Completed,
            1 => task.agent = agent,
            2 => task.priority += 1,
            3 => drop(queue.tasks.remove(which % count)),
            _ => task.status = TaskStatus::Pending,
        }
        self.world.plan(10, Happening::LookAtQueue(site));
    }
}
