// The line at the top: where the run stands, and what can be done with it as a whole.

import { ArrowLeft, Download, EllipsisVertical, GitBranch, Keyboard, Pause, Play, RotateCcw, Settings2, Square } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';

import { Brand } from '../app/Brand';
import { Button, Chip, Hint, IconButton, Progress } from '../design/controls';
import { ITEM_LOOK, MENU_LOOK } from '../design/menus';
import { useText } from '../i18n';
import { InboxButton } from '../inbox/Inbox';
import { hasEnded, mayCancelRun, mayPauseRun, retryableTasks } from '../model/phases';
import { amountText, isUsed, moneyText } from '../model/money';
import { clockText, elapsedSeconds, wallSeconds } from '../model/time';
import { HistoryButton } from '../history/HistoryBar';
import { usePast } from '../store/past';
import { VerificationButton } from '../work/Verification';
import { useNow } from '../store/clock';
import { useCommands, useSession } from '../store/context';
import { useRun, useRunShallow } from '../store/run';
import { ThemeToggle } from '../settings/ThemeToggle';
import { showOverlay } from '../store/view';

export function RehearsalBadge({ speed }: { speed: number | null }) {
  const t = useText();
  if (speed === null) return null;
  return (
    <Chip tone="rehearsal" data-testid="rehearsal-badge" title={t('rehearsal.text', { speed })} className="font-semibold tracking-wide">
      {t('rehearsal.badge', { speed })}
    </Chip>
  );
}

/** The plan's own mark, as in “scripted model”: shown wherever the run is. */
export function LabelBadge({ label }: { label: string | null }) {
  if (label === null) return null;
  return (
    <Chip tone="rehearsal" data-testid="label-badge" className="max-w-40 truncate font-semibold tracking-wide uppercase">
      {label}
    </Chip>
  );
}

/** What the run cost so far, of what it may. */
function Cost() {
  const t = useText();
  const usage = useRun((data) => data.run.usage);
  const budget = useRun((data) => data.run.budget_usd);
  if (!isUsed(usage) && budget === null) return null;
  const tokens = t('cost.tokens', { read: amountText(usage.input_tokens), cached: amountText(usage.cached_tokens), written: amountText(usage.output_tokens) });
  const near = budget !== null && (usage.cost_usd ?? 0) > budget * 0.9;
  return (
    <Hint text={tokens}>
      <span data-testid="cost" className={`shrink-0 text-sm tabular ${near ? 'text-back-off' : ''}`}>
        {usage.cost_usd === null && isUsed(usage) ? amountText(usage.input_tokens + usage.output_tokens) : moneyText(usage.cost_usd ?? 0)}
        {budget === null ? null : <span className="text-xs text-ink-3"> / {moneyText(budget)}</span>}
      </span>
    </Hint>
  );
}

function PhaseChip() {
  const t = useText();
  const phase = useRun((data) => data.run.phase);
  return (
    <Chip tone="phase" data-testid="run-phase" data-phase={phase} className={`phase-${phase}`}>
      <span className={`size-1.5 rounded-full bg-(--phase) ${phase === 'running' ? 'animate-pulse' : ''}`} aria-hidden="true" />
      {t(`run.${phase}`)}
    </Chip>
  );
}

function Clock() {
  const t = useText();
  const run = useRun((data) => data.run);
  const elapsed = elapsedSeconds(run, useNow());
  const forecast = wallSeconds(run.expected_seconds, run.rehearsal_speed);
  return (
    <div className="flex shrink-0 items-baseline gap-1 text-sm tabular" title={t('header.clock')}>
      <span data-testid="elapsed" className={elapsed > forecast * 1.02 ? 'text-back-off' : ''}>
        {clockText(elapsed)}
      </span>
      <span className="text-xs text-ink-3">/ {clockText(forecast)}</span>
    </div>
  );
}

function Overall() {
  const t = useText();
  const completed = useRun((data) => data.run.completed);
  const failed = useRun((data) => data.run.failed);
  const running = useRun((data) => data.run.running);
  const total = useRun((data) => data.run.total);
  const progress = useRun((data) => data.run.progress);
  return (
    <div className="flex min-w-fit flex-1 items-center justify-end gap-3">
      {failed === 0 ? null : <span className="shrink-0 text-xs text-failed tabular">{t('header.failed', { count: failed })}</span>}
      {running === 0 ? null : <span className="hidden shrink-0 text-xs text-ink-3 tabular xl:inline">{t('header.running', { count: running })}</span>}
      <Progress value={progress} label={t('header.progress')} className="max-w-52 min-w-16 flex-1" />
      <span data-testid="progress-count" data-completed={completed} data-total={total} className="shrink-0 text-sm font-medium tabular">
        {completed}/{total}
      </span>
    </div>
  );
}

function More() {
  const t = useText();
  const commands = useCommands();
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <IconButton icon={EllipsisVertical} label={t('header.more')} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={4} collisionPadding={8} className={MENU_LOOK}>
          <DropdownMenu.Item className={ITEM_LOOK} onSelect={() => showOverlay('keys')}>
            <Keyboard size={14} aria-hidden="true" />
            {t('keys.title')}
          </DropdownMenu.Item>
          <DropdownMenu.Item className={ITEM_LOOK} data-testid="menu-trees" onSelect={() => showOverlay('trees')}>
            <GitBranch size={14} aria-hidden="true" />
            {t('trees.title')}
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="my-1 h-px bg-line" />
          <DropdownMenu.Item className={`${ITEM_LOOK} text-failed`} onSelect={() => void commands.stopAll()}>
            <Square size={14} aria-hidden="true" />
            {t('action.stop_all')}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** What can be done with the run as a whole, and nothing that makes no sense where it stands. */
function RunActions() {
  const t = useText();
  const commands = useCommands();
  const past = usePast((one) => one.open);
  const phase = useRun((data) => data.run.phase);
  const failed = useRunShallow((data) => retryableTasks(data.taskIds.flatMap((id) => data.tasks[id] ?? []), data.run.phase));
  return (
    <div className="flex shrink-0 items-center gap-1.5">
      {phase === 'paused' && !past ? (
        <Button icon={Play} data-testid="resume-run" onClick={() => void commands.resume()}>
          {t('action.resume')}
        </Button>
      ) : null}
      {mayPauseRun(phase) && !past ? (
        <Button icon={Pause} data-testid="pause-run" onClick={() => void commands.pause()}>
          {t('action.pause')}
        </Button>
      ) : null}
      {failed.length > 0 && hasEnded(phase) && !past ? (
        <Button icon={RotateCcw} look="primary" data-testid="retry-failed" onClick={() => void commands.retryTasks(failed)}>
          {t('action.retry_failed', { count: failed.length })}
        </Button>
      ) : null}
      {mayCancelRun(phase) && !past ? (
        <Button icon={Square} data-testid="cancel-run" onClick={() => void commands.cancelRun()}>
          {t('action.cancel')}
        </Button>
      ) : null}
      <Button
        icon={Download}
        look={phase === 'completed' ? 'primary' : 'plain'}
        data-testid="export-button"
        onClick={() => showOverlay('export')}
      >
        {t('action.export')}
      </Button>
    </div>
  );
}

export function Header() {
  const t = useText();
  const session = useSession();
  const title = useRun((data) => data.run.title);
  const speed = useRun((data) => data.run.rehearsal_speed);
  const label = useRun((data) => data.run.label);
  return (
    <header className="flex h-12 shrink-0 items-center gap-3 border-b border-line bg-surface pr-3 pl-2">
      <IconButton icon={ArrowLeft} label={t('header.back')} onClick={session.welcome} className="-mr-1.5" />
      <Brand />
      <div className="flex min-w-0 flex-1 items-center gap-3">
        <Hint text={title}>
          <h1 className="max-w-2/3 min-w-0 truncate text-sm font-semibold">{title}</h1>
        </Hint>
        <PhaseChip />
        <RehearsalBadge speed={speed} />
        <LabelBadge label={label} />
        <Overall />
      </div>
      <VerificationButton />
      <Cost />
      <Clock />
      <span className="h-5 w-px bg-line" aria-hidden="true" />
      <RunActions />
      <div className="flex shrink-0 items-center">
        <HistoryButton />
        <InboxButton />
        <ThemeToggle />
        <IconButton icon={Settings2} label={t('settings.title')} data-testid="settings-button" onClick={() => showOverlay('settings')} />
        <More />
      </div>
    </header>
  );
}
