// What the inspector shows while no task is selected: the run, and how to reach it by other ways.

import { MousePointerClick } from 'lucide-react';

import { useLanguage, useText } from '../i18n';
import { hasEnded } from '../model/phases';
import { choiceKey } from '../model/review';
import { dayAndTime, durationText, wallSeconds } from '../model/time';
import { useRun } from '../store/run';
import { GitFacts } from '../work/GitFacts';
import { CodeLines, Fact, Section, TaskLinks } from './parts';

export function RunFacts() {
  const t = useText();
  const language = useLanguage();
  const run = useRun((data) => data.run);
  const { forecast, rehearsal_speed: speed } = run;
  return (
    <div className="min-h-0 flex-1 overflow-y-auto" data-testid="run-facts">
      <p className="flex items-start gap-2 px-4 py-3 text-xs text-ink-3">
        <MousePointerClick size={14} className="mt-px shrink-0" aria-hidden="true" />
        <span>
          {t('inspector.empty_text')}
          {run.phase === 'planned' || hasEnded(run.phase) ? '' : ` ${t('drag.instructions')}`}
        </span>
      </p>
      <Section title="run_facts.forecast">
        <dl className="grid grid-cols-[112px_minmax(0,1fr)] gap-x-3 gap-y-1">
          <Fact label="run_facts.expected">
            {durationText(forecast.expected_seconds)}
            {speed === null ? '' : ` (${t('run_facts.played', { time: durationText(wallSeconds(forecast.expected_seconds, speed)) })})`}
          </Fact>
          <Fact label="run_facts.bound">{durationText(forecast.lower_bound_seconds)}</Fact>
          <Fact label="run_facts.one_agent">{durationText(forecast.one_agent_seconds)}</Fact>
          <Fact label="run_facts.levels">{forecast.levels}</Fact>
          <Fact label="run_facts.choice">{t(choiceKey(run.choice))}</Fact>
          {run.started_at === null ? null : <Fact label="fact.started">{dayAndTime(run.started_at, language)}</Fact>}
          {run.ended_at === null ? null : <Fact label="fact.ended">{dayAndTime(run.ended_at, language)}</Fact>}
        </dl>
      </Section>
      <GitFacts />
      <Section title="run_facts.critical" count={forecast.critical_path.length}>
        <TaskLinks ids={forecast.critical_path.slice(0, 60)} none="inspector.none" />
      </Section>
      <Section title="run_facts.places">
        <dl className="grid grid-cols-[112px_minmax(0,1fr)] gap-x-3 gap-y-1">
          <Fact label="run_facts.state">{run.state_dir}</Fact>
          <Fact label="run_facts.work">{run.work_folder}</Fact>
          <Fact label="run_facts.run">{run.run_id}</Fact>
        </dl>
      </Section>
      <Section title="run_facts.attach">
        <CodeLines lines={[`tmux attach -t ${run.session}`]} none="inspector.none" />
      </Section>
    </div>
  );
}
