// A plan before its run: what is wrong, what it would take, how it would go, and the start.

import { ArrowLeft, FastForward, LoaderCircle, OctagonX, Play, RefreshCw } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';

import { Brand } from '../app/Brand';
import { DragScope } from '../app/drag';
import { Button, IconButton } from '../design/controls';
import { PickMenu, Segmented } from '../design/menus';
import { Empty } from '../design/Empty';
import { GraphPane } from '../graph/GraphPane';
import { LabelBadge } from '../header/Header';
import { useText } from '../i18n';
import type { TextKey } from '../i18n';
import { moneyText } from '../model/money';
import { DEFAULT_SPEED, rehearseBlocker, SPEEDS, startBlocker } from '../model/review';
import { durationText, wallSeconds } from '../model/time';
import type { ApiError, Choice, PlanView, StartOptions } from '../platform/types';
import { ThemeToggle } from '../settings/ThemeToggle';
import { useSession } from '../store/context';
import { RunScope } from '../store/run';
import type { RunStore } from '../store/run';
import { PLAIN_START } from '../store/session';
import { TimelinePane } from '../timeline/TimelinePane';
import { Choices } from './Choices';
import { Checks, Findings } from './Findings';
import { PlanHosts } from './PlanHosts';
import { startWithQuestions } from './start';
import { usePlan } from './usePlan';

function Block({ title, note, children }: { title: TextKey; note?: string; children: ReactNode }) {
  const t = useText();
  return (
    <section className="min-w-0">
      <h2 className="mb-1.5 flex items-baseline gap-2 text-xs font-semibold text-ink-2">
        {t(title)}
        {note === undefined ? null : <span className="font-normal text-ink-3">{note}</span>}
      </h2>
      <div className="overflow-hidden rounded-lg border border-line bg-surface">{children}</div>
    </section>
  );
}

function Refusal({ error }: { error: ApiError }) {
  const t = useText();
  return (
    <div role="alert" data-testid="start-error" data-code={error.code} className="selectable flex gap-2.5 rounded-lg border border-failed/50 bg-surface px-3 py-2.5">
      <OctagonX size={15} className="mt-0.5 shrink-0 text-failed" aria-hidden="true" />
      <div className="min-w-0">
        <p className="text-sm font-medium">{t(`error.${error.code}`)}</p>
        <p className="text-xs break-words text-ink-2">{error.message}</p>
        {error.hints.map((hint) => (
          <p key={hint} className="text-xs break-words text-ink-3">
            {hint}
          </p>
        ))}
      </div>
    </div>
  );
}

function Preview({ store }: { store: RunStore }) {
  return (
    <RunScope value={store}>
      <DragScope>
        <div className="flex min-h-0 flex-1 flex-col divide-y divide-line overflow-hidden rounded-lg border border-line bg-surface">
          <div className="min-h-0 flex-1">
            <GraphPane />
          </div>
          <div className="min-h-0 flex-1">
            <TimelinePane />
          </div>
        </div>
      </DragScope>
    </RunScope>
  );
}

function Unfinished({ plan }: { plan: PlanView }) {
  const t = useText();
  const session = useSession();
  const run = plan.unfinished;
  if (run === null) return null;
  const open = (): void => {
    if (run.alive) void session.open(run.state_dir);
    else void startWithQuestions(session, { ...PLAIN_START, state_dir: run.state_dir, resume: true });
  };
  return (
    <div data-testid="unfinished-run" className="flex items-center gap-3 rounded-lg border border-line bg-surface px-3 py-2.5">
      <div className="min-w-0 flex-1">
        <p className="text-sm font-medium">{run.alive ? t('review.alive') : t('review.unfinished')}</p>
        <p className="truncate text-xs text-ink-3">{t('review.unfinished_text', { completed: run.completed, total: run.total, folder: run.state_dir })}</p>
      </div>
      <Button onClick={open}>{run.alive ? t('review.open_run') : t('review.resume_run')}</Button>
    </div>
  );
}

type StartBarProps = {
  plan: PlanView;
  blockers: [rehearse: TextKey | null, start: TextKey | null];
  speed: number;
  busy: boolean;
  external: boolean;
  onHosts: boolean;
  onSpeed: (speed: number) => void;
  onExternal: (external: boolean) => void;
  onOnHosts: (onHosts: boolean) => void;
  onStart: (rehearse: number | null) => void;
};

/** A rehearsal plays on this machine, unless the links to the plan's hosts are to be rehearsed too. */
function Where({ onHosts, onOnHosts }: Pick<StartBarProps, 'onHosts' | 'onOnHosts'>) {
  const t = useText();
  return (
    <Segmented
      label={t('review.where')}
      value={onHosts ? 'hosts' : 'here'}
      options={[
        { value: 'here', label: t('review.here'), testId: 'rehearse-here' },
        { value: 'hosts', label: t('review.on_hosts'), testId: 'rehearse-on-hosts' },
      ]}
      onPick={(where) => onOnHosts(where === 'hosts')}
    />
  );
}

function StartBar({ plan, blockers, speed, busy, external, onHosts, onSpeed, onExternal, onOnHosts, onStart }: StartBarProps) {
  const t = useText();
  const [cannotRehearse, cannotStart] = blockers;
  const expected = plan.preview?.run.forecast.expected_seconds ?? 0;
  const hasRemote = plan.preview?.hosts.some((host) => host.transport !== 'local') ?? false;
  const speeds = SPEEDS.map((one) => ({ value: String(one), label: `${one}×`, note: durationText(wallSeconds(expected, one)) }));
  return (
    <footer className="flex h-14 shrink-0 items-center gap-3 border-t border-line bg-surface px-4">
      <label className="flex items-center gap-2 text-xs text-ink-2">
        <input type="checkbox" checked={external} className="accent-(--accent)" data-testid="external" onChange={(event) => onExternal(event.target.checked)} />
        {t('review.external')}
      </label>
      <p className="min-w-0 flex-1 text-right text-xs text-ink-3">{cannotStart === null ? '' : t(cannotStart)}</p>
      <div className="flex items-center gap-1">
        {hasRemote ? <Where onHosts={onHosts} onOnHosts={onOnHosts} /> : null}
        <PickMenu label={t('review.speed')} value={String(speed)} options={speeds} onPick={(value) => onSpeed(Number(value))} />
        <Button
          icon={FastForward}
          data-testid="start-rehearse"
          disabled={busy || cannotRehearse !== null}
          look={cannotStart === null ? 'plain' : 'primary'}
          className="h-8 px-3"
          onClick={() => onStart(speed)}
          {...(cannotRehearse === null ? {} : { hint: t(cannotRehearse) })}
        >
          {t('review.rehearse', { speed })}
        </Button>
      </div>
      <Button
        icon={Play}
        look={cannotStart === null ? 'primary' : 'plain'}
        data-testid="start-run"
        disabled={busy || cannotStart !== null}
        className="h-8 px-3"
        onClick={() => onStart(null)}
        {...(cannotStart === null ? {} : { hint: t(cannotStart) })}
      >
        {t('review.start')}
      </Button>
    </footer>
  );
}

function Budget({ limit }: { limit: number | null }) {
  const t = useText();
  if (limit === null) return null;
  return (
    <p data-testid="review-budget" className="shrink-0 text-xs text-ink-2 tabular">
      {t('review.budget', { limit: moneyText(limit) })}
    </p>
  );
}

export function PlanReview({ path, stateDir, speed: wanted }: { path: string; stateDir: string | null; speed: number | null }) {
  const t = useText();
  const session = useSession();
  const [choice, setChoice] = useState<Choice>(PLAIN_START.choice);
  const [speed, setSpeed] = useState(wanted ?? DEFAULT_SPEED);
  const [external, setExternal] = useState(false);
  const [onHosts, setOnHosts] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  const { plan, preview, doctor, error, reload } = usePlan(path, choice, null, stateDir);

  const begin = async (rehearse: number | null): Promise<void> => {
    setBusy(true);
    setRefusal(null);
    const options: StartOptions = { ...PLAIN_START, plan: path, state_dir: stateDir, rehearse, choice, external: external && rehearse === null, on_hosts: onHosts && rehearse !== null };
    setRefusal(await startWithQuestions(session, options));
    setBusy(false);
  };

  if (plan === null) {
    if (error === null) return <Empty icon={LoaderCircle} title={t('review.loading')} />;
    return (
      <div data-testid="plan-review" className="h-full">
        <Empty icon={OctagonX} title={t(`error.${error.code}`)} text={[error.message, ...error.hints].join(' ')}>
          <Button onClick={session.welcome}>{t('header.back')}</Button>
          <Button look="primary" onClick={reload}>
            {t('action.try_again')}
          </Button>
        </Empty>
      </div>
    );
  }
  const forecast = plan.preview?.run.forecast;
  return (
    <div data-testid="plan-review" className="flex h-full flex-col">
      <header className="flex h-12 shrink-0 items-center gap-3 border-b border-line bg-surface pr-3 pl-2">
        <IconButton icon={ArrowLeft} label={t('header.back')} onClick={session.welcome} className="-mr-1.5" />
        <Brand />
        <h1 className="min-w-0 truncate text-sm font-semibold">{plan.preview?.run.title ?? t('review.title')}</h1>
        <LabelBadge label={plan.preview?.run.label ?? null} />
        <p className="selectable min-w-0 flex-1 truncate text-xs text-ink-3">{plan.path}</p>
        <Budget limit={plan.preview?.run.budget_usd ?? null} />
        <IconButton icon={RefreshCw} label={t('review.reload')} onClick={reload} />
        <ThemeToggle />
      </header>
      <main className="flex min-h-0 flex-1 gap-4 p-4">
        {/* A long list of findings must be scrolled by the keyboard too. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div tabIndex={0} role="region" aria-label={t('review.findings')} className="flex w-[400px] shrink-0 flex-col gap-4 overflow-y-auto">
          {refusal === null && error === null ? null : <Refusal error={refusal ?? (error as ApiError)} />}
          <Unfinished plan={plan} />
          <Block title="review.findings" note={String(plan.findings.length)}>
            <Findings findings={plan.findings} />
          </Block>
          <Block title="review.checks">
            <Checks doctor={doctor} obstacles={plan.obstacles} />
          </Block>
          {plan.preview === null ? null : (
            <Block title="review.hosts">
              <PlanHosts plan={path} trusted={plan.trusted} hosts={plan.preview.hosts} onAdded={reload} />
            </Block>
          )}
          {plan.holds_commands ? (
            <Block title="review.trust">
              <p data-testid="trust" data-trusted={plan.trusted} className="px-3 py-2.5 text-xs text-ink-2">
                {plan.trusted ? t('review.trusted') : t('review.not_trusted')}
                <span className="selectable mt-1 block truncate font-mono text-2xs text-ink-3">sha256 {plan.hash}</span>
              </p>
            </Block>
          ) : null}
        </div>
        <div className="flex min-w-0 flex-1 flex-col gap-4">
          {plan.choices.length === 0 ? null : (
            <section>
              <h2 className="mb-1.5 flex items-baseline gap-2 text-xs font-semibold text-ink-2">
                {t('review.choices')}
                {forecast === undefined ? null : (
                  <span className="font-normal text-ink-3 tabular">{t('review.one_agent', { time: durationText(forecast.one_agent_seconds) })}</span>
                )}
              </h2>
              <Choices views={plan.choices} chosen={choice} onChoose={setChoice} />
            </section>
          )}
          {preview === null ? (
            <div className="min-h-0 flex-1 rounded-lg border border-line bg-surface">
              <Empty icon={OctagonX} title={t('review.no_preview')} text={t('review.no_preview_text')} />
            </div>
          ) : (
            <Preview key={preview.getState().data.run.forecast.expected_seconds} store={preview} />
          )}
        </div>
      </main>
      <StartBar
        plan={plan}
        blockers={[rehearseBlocker(plan, doctor), startBlocker(plan, doctor, external)]}
        speed={speed}
        busy={busy}
        external={external}
        onHosts={onHosts}
        onSpeed={setSpeed}
        onExternal={setExternal}
        onOnHosts={setOnHosts}
        onStart={(rehearse) => void begin(rehearse)}
      />
    </div>
  );
}
