// Where one begins: open a plan, or go back to a run.

import { FolderOpen, History, LoaderCircle, MessageSquareText, OctagonX, Settings2, Sparkles } from 'lucide-react';
import { useEffect, useState } from 'react';

import { Brand } from '../app/Brand';
import { Button, Chip, IconButton } from '../design/controls';
import { Empty } from '../design/Empty';
import { LabelBadge, RehearsalBadge } from '../header/Header';
import { useLanguage, useText } from '../i18n';
import { hasEnded } from '../model/phases';
import { orderRuns } from '../model/runs';
import { dayAndTime } from '../model/time';
import { asApiError } from '../platform/platform';
import type { ApiError, RunSummary } from '../platform/types';
import { ThemeToggle } from '../settings/ThemeToggle';
import { showingErrors } from '../store/commands';
import { useSession } from '../store/context';
import { PLAIN_START } from '../store/session';
import { showOverlay } from '../store/view';
import { NewWork } from './NewWork';
import type { WorkKind } from './NewWork';

type Runs = { at: 'loading' } | { at: 'failed'; error: ApiError } | { at: 'there'; runs: RunSummary[] };

function useRuns(): { runs: Runs; reload: () => void } {
  const { platform } = useSession();
  const [runs, setRuns] = useState<Runs>({ at: 'loading' });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let gone = false;
    platform.listRuns().then(
      (found) => (gone ? undefined : setRuns({ at: 'there', runs: orderRuns(found) })),
      (thrown: unknown) => (gone ? undefined : setRuns({ at: 'failed', error: asApiError(thrown) })),
    );
    return () => {
      gone = true;
    };
  }, [platform, round]);
  return { runs, reload: () => setRound(round + 1) };
}

function RunLine({ run }: { run: RunSummary }) {
  const t = useText();
  const language = useLanguage();
  const session = useSession();
  const dormant = !run.alive && !hasEnded(run.phase);
  const open = (): void => {
    if (dormant) void showingErrors(() => session.start({ ...PLAIN_START, state_dir: run.state_dir, resume: true }));
    else void session.open(run.state_dir);
  };
  return (
    <li>
      <button
        type="button"
        data-testid="run-line"
        data-run-id={run.run_id}
        onClick={open}
        className={`phase-${run.phase} flex w-full items-center gap-3 rounded-md px-3 py-2 text-left hover:bg-hover`}
      >
        <span className={`size-2 shrink-0 rounded-full ${run.alive ? 'bg-(--phase)' : 'border border-line-strong'}`} aria-hidden="true" />
        <span className="min-w-0 flex-1">
          <span className="block truncate text-sm font-medium">{run.title}</span>
          <span className="block truncate text-xs text-ink-3">
            {dayAndTime(run.created_at, language)} · {run.state_dir}
          </span>
        </span>
        <RehearsalBadge speed={run.rehearsal_speed} />
        <LabelBadge label={run.label} />
        <span className="w-12 text-right text-xs text-ink-2 tabular">
          {run.completed}/{run.total}
        </span>
        <Chip tone="phase" className="w-28 justify-center">
          {dormant ? t('welcome.resume') : t(`run.${run.phase}`)}
        </Chip>
      </button>
    </li>
  );
}

function RunList() {
  const t = useText();
  const { runs, reload } = useRuns();
  if (runs.at === 'loading') return <Empty icon={LoaderCircle} title={t('app.loading')} />;
  if (runs.at === 'failed') {
    return (
      <Empty icon={OctagonX} title={t('welcome.failed')} text={runs.error.message}>
        <Button onClick={reload}>{t('action.try_again')}</Button>
      </Empty>
    );
  }
  if (runs.runs.length === 0) return <Empty icon={History} title={t('welcome.no_runs')} text={t('welcome.no_runs_text')} />;
  return (
    <ul className="flex flex-col p-1">
      {runs.runs.map((run) => (
        <RunLine key={run.run_id} run={run} />
      ))}
    </ul>
  );
}

export function Welcome() {
  const t = useText();
  const session = useSession();
  const [work, setWork] = useState<WorkKind | null>(null);
  const choose = (): void =>
    void showingErrors(async () => {
      const path = await session.platform.choosePlan();
      if (path !== null) session.review(path);
    });
  return (
    <main data-testid="welcome" className="h-full overflow-y-auto">
      <div className="absolute top-2 right-3 flex">
        <ThemeToggle />
        <IconButton icon={Settings2} label={t('settings.title')} onClick={() => showOverlay('settings')} />
      </div>
      <div className="mx-auto flex max-w-[680px] flex-col px-6 pt-[12vh] pb-12">
        <div className="flex items-center gap-3">
          <Brand size={30} />
          <h1 className="text-lg font-semibold">{t('app.name')}</h1>
        </div>
        <p className="mt-2 max-w-[52ch] text-sm text-ink-2">{t('welcome.text')}</p>
        <div className="mt-5 flex flex-wrap gap-2">
          <Button look="primary" icon={FolderOpen} data-testid="open-plan" className="h-8 px-3.5" onClick={choose}>
            {t('welcome.open')}
          </Button>
          <Button icon={Sparkles} data-testid="new-goal" className="h-8 px-3.5" onClick={() => setWork('goal')}>
            {t('work.goal')}
          </Button>
          <Button icon={MessageSquareText} data-testid="new-prompt" className="h-8 px-3.5" onClick={() => setWork('prompt')}>
            {t('work.prompt')}
          </Button>
        </div>
        {work === null ? null : <NewWork key={work} kind={work} onClose={() => setWork(null)} />}
        <h2 className="mt-10 mb-2 text-xs font-semibold text-ink-2">{t('welcome.runs')}</h2>
        <div className="min-h-40 rounded-lg border border-line bg-surface">
          <RunList />
        </div>
      </div>
    </main>
  );
}
