#!/usr/bin/env python3
"""An agent that is a loop over its status file and knows docs/protocol.md, nothing else.

It looks at its file at an interval, writes without a rename, drops every key that it does not
know, and reads the queue strictly: one key too many or too few in a task ends it with an error.
Its ledger says what it did, a line each: agent, deed, task.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Task:
    """A task of the queue; built from exactly these keys."""

    task_id: str
    agent: str
    description: str
    dependencies: list
    status: str
    priority: int
    estimated_time: int
    module: str
    started_at: str
    completed_at: str
    error: str


@dataclass
class Status:
    """A status file. What else stands in it is dropped."""

    agent_id: str
    task_id: str = None
    status: str = "IDLE"
    progress: float = 0.0
    started_at: str = None
    updated_at: str = None
    output_files: list = None
    errors: list = None
    next_task: str = None


class Agent:
    """The loop, and the ways in which it can misbehave."""

    def __init__(self, options):
        self.options = options
        self.file = options.state / f"agent_{options.agent}_status.json"
        self.has_been_late = False

    def note(self, deed, task):
        with open(self.options.ledger, "a", encoding="utf-8") as ledger:
            ledger.write(f"{self.options.agent} {deed} {task}\n")

    def read(self):
        """The file as it is; none while it is missing or torn."""
        try:
            whole = json.loads(self.file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return Status(**{key: value for key, value in whole.items() if key in Status.__annotations__})

    def write(self, status, task, progress=0.0):
        whole = Status(self.options.agent, task, status, progress, output_files=[], errors=[])
        self.file.write_text(json.dumps(vars(whole)), encoding="utf-8")

    def look_up(self, task):
        """The task from the queue, which is up to date before BUSY is seen."""
        queue = json.loads((self.options.state / "task_queue.json").read_text(encoding="utf-8"))
        [found] = [entry for entry in map(lambda it: Task(**it), queue["tasks"]) if entry.task_id == task]
        if found.agent != self.options.agent:
            sys.exit(f"{task} was offered to {self.options.agent} and is {found.agent}'s in the queue")

    def wait_for(self, is_it):
        """Looks at the file until it is so."""
        while True:
            status = self.read()
            if status is not None and is_it(status):
                return status
            time.sleep(self.options.interval)

    def work(self, task):
        self.look_up(task)
        self.write("IN_PROGRESS", task)
        self.note("begins", task)
        if self.options.stop_in_the_middle:
            self.wait_for(lambda status: False)
        if self.options.late and not self.has_been_late:
            self.has_been_late = True
            time.sleep(self.options.late)
        time.sleep(self.options.slow)
        self.look_for_strange_hands(task)
        self.write("IN_PROGRESS", task, 0.9)
        self.note("ends", task)
        self.write("COMPLETED", task, 1.0)
        if self.options.answer_twice:
            self.write("COMPLETED", task, 1.0)
            self.wait_for(lambda status: status.status != "COMPLETED")
            self.note("repeats", task)
            self.write("COMPLETED", task, 1.0)

    def look_for_strange_hands(self, task):
        """While the agent works nobody else may write its file."""
        status = self.read()
        if status is None or (status.status, status.task_id) != ("IN_PROGRESS", task):
            self.note("was-written-over", task)

    def run(self):
        self.show_up()
        while True:
            self.work(self.wait_for(lambda status: status.status == "BUSY").task_id)

    def show_up(self):
        """A status file that says IDLE is how an agent is known to be there."""
        while not self.options.state.is_dir():
            time.sleep(self.options.interval)
        if self.options.idle_at_start:
            self.note("resets", self.read().task_id)
        if self.options.idle_at_start or not self.file.exists():
            self.write("IDLE", None)


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path, help="the run's state folder")
    parser.add_argument("agent", help="its id, as in CG-1")
    parser.add_argument("ledger", type=Path, help="gets a line for each deed")
    parser.add_argument("--interval", type=float, default=2.0, metavar="SECONDS", help="between two looks")
    parser.add_argument("--slow", type=float, default=0.0, metavar="SECONDS", help="what a task takes")
    parser.add_argument("--late", type=float, default=0.0, metavar="SECONDS", help="what the first takes more")
    parser.add_argument("--idle-at-start", action="store_true", help="IDLE over whatever is there")
    parser.add_argument("--stop-in-the-middle", action="store_true", help="IN_PROGRESS, and then nothing")
    parser.add_argument("--answer-twice", action="store_true", help="COMPLETED again, also after IDLE")
    return parser.parse_args()


if __name__ == "__main__":
    Agent(options()).run()
