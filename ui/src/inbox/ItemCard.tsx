// One thing that waits for the person, with its answers beside it.

import { ChevronDown, CircleDollarSign, FileDiff, GitMerge, KeyRound, ListX, OctagonX, RotateCcw, ServerOff, ShieldQuestion } from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useState } from 'react';

import { Button, Chip } from '../design/controls';
import { ITEM_LOOK, MENU_LOOK } from '../design/menus';
import { useText } from '../i18n';
import { moneyOf, moneyText } from '../model/money';
import { durationText, millisOf } from '../model/time';
import type { ApprovalScope, InboxItem, InboxKind } from '../platform/types';
import { useNow } from '../store/clock';
import { useCommands } from '../store/context';
import { openInspector, selectHost, selectTask, showOverlay } from '../store/view';
import { WorkItem } from '../work/WorkItem';
import { HostItem } from './HostItem';

const SCOPES: readonly ApprovalScope[] = ['once', 'task', 'run'];

/** Allow this once by one click; further reaching answers lie in the menu beside it. */
function Allow({ number }: { number: number }) {
  const t = useText();
  const commands = useCommands();
  const allow = (scope: ApprovalScope): void => void commands.answer(number, { answer: 'allow' }, scope);
  return (
    <span className="inline-flex">
      <Button look="primary" data-testid="allow" className="rounded-r-none" onClick={() => allow('once')}>
        {t('inbox.allow')}
      </Button>
      <DropdownMenu.Root>
        <DropdownMenu.Trigger asChild>
          <Button look="primary" aria-label={t('inbox.allow_more')} data-testid="allow-more" className="rounded-l-none border-l-[color-mix(in_oklab,var(--on-accent)_35%,transparent)] px-1">
            <ChevronDown size={13} aria-hidden="true" />
          </Button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content align="start" sideOffset={4} collisionPadding={8} className={MENU_LOOK}>
            {SCOPES.map((scope) => (
              <DropdownMenu.Item key={scope} className={ITEM_LOOK} data-scope={scope} onSelect={() => allow(scope)}>
                {t(`inbox.scope.${scope}`)}
              </DropdownMenu.Item>
            ))}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
    </span>
  );
}

function Permission({ item, number }: { item: InboxItem; number: number }) {
  const t = useText();
  const commands = useCommands();
  const [reason, setReason] = useState<string | null>(null);
  const deny = (): void => void commands.answer(number, { answer: 'deny', reason: reason?.trim() || t('inbox.denied') }, 'once');
  return (
    <>
      <pre
        // Long commands must be scrolled by the keyboard too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        aria-label={t('inbox.asks_for')}
        className="selectable mt-1.5 max-h-28 overflow-auto rounded-md bg-sunken px-2 py-1.5 font-mono text-2xs whitespace-pre-wrap break-all text-ink"
      >
        {item.what}
      </pre>
      {item.detail === '' ? null : (
        <details className="mt-1">
          <summary className="cursor-pointer text-2xs text-ink-3">{t('inbox.detail')}</summary>
          <pre className="selectable mt-1 max-h-40 overflow-auto rounded-md bg-sunken px-2 py-1.5 font-mono text-2xs whitespace-pre-wrap break-all text-ink-2">{item.detail}</pre>
        </details>
      )}
      {reason === null ? (
        <div className="mt-2 flex gap-1.5">
          <Allow number={number} />
          <Button data-testid="deny" onClick={() => setReason('')}>
            {t('inbox.deny')}
          </Button>
        </div>
      ) : (
        <form
          className="mt-2 flex flex-wrap gap-1.5"
          onSubmit={(event) => {
            event.preventDefault();
            deny();
          }}
        >
          <input
            // The person has just asked for this field.
            // oxlint-disable-next-line jsx-a11y/no-autofocus
            autoFocus
            aria-label={t('inbox.reason')}
            placeholder={t('inbox.reason')}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            className="h-7 min-w-0 basis-full rounded-md border border-line-strong bg-surface px-2 text-xs outline-none focus:border-accent"
          />
          <Button type="submit" look="danger" data-testid="deny-yes">
            {t('inbox.deny')}
          </Button>
          <Button onClick={() => setReason(null)}>{t('inbox.back')}</Button>
        </form>
      )}
    </>
  );
}

function Budget({ item, number }: { item: InboxItem; number: number }) {
  const t = useText();
  const commands = useCommands();
  const limit = item.limit_usd ?? 0;
  const [text, setText] = useState(() => (limit * 1.5).toFixed(2));
  const sum = moneyOf(text);
  const enough = sum !== null && sum > (item.spent_usd ?? 0);
  return (
    <form
      className="mt-2 flex items-center gap-1.5"
      onSubmit={(event) => {
        event.preventDefault();
        if (enough) void commands.raiseBudget(number, sum);
      }}
    >
      <label className="flex min-w-0 flex-1 items-center gap-2 text-xs text-ink-2">
        {t('inbox.new_limit')}
        <input
          inputMode="decimal"
          data-testid="new-limit"
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="h-7 w-24 rounded-md border border-line-strong bg-surface px-2 text-right text-xs tabular outline-none focus:border-accent"
        />
      </label>
      <Button type="submit" look="primary" disabled={!enough} data-testid="raise-budget">
        {t('inbox.raise')}
      </Button>
    </form>
  );
}

const LOOKS: Record<InboxKind, [icon: LucideIcon, colour: string]> = {
  approval: [ShieldQuestion, 'text-back-off'],
  run_budget: [CircleDollarSign, 'text-back-off'],
  agent_budget: [CircleDollarSign, 'text-back-off'],
  task_budget: [CircleDollarSign, 'text-back-off'],
  task_failed: [OctagonX, 'text-failed'],
  host_lost: [ServerOff, 'text-unverified'],
  host_question: [KeyRound, 'text-back-off'],
  review: [FileDiff, 'text-review'],
  conflict: [GitMerge, 'text-failed'],
  verification: [ListX, 'text-failed'],
};

export function ItemCard({ item }: { item: InboxItem }) {
  const t = useText();
  const commands = useCommands();
  const now = useNow();
  const [Icon, colour] = LOOKS[item.kind];
  const ofHost = item.kind === 'host_lost' || item.kind === 'host_question';
  const ofWork = item.kind === 'review' || item.kind === 'conflict' || item.kind === 'verification';
  const left = item.answers_at === null || ofHost ? null : Math.max(0, (millisOf(item.answers_at) - now) / 1000);
  const showHost = (): void => {
    selectHost(item.host);
    showOverlay(null);
  };
  const show = (): void => {
    if (item.task === null) return;
    selectTask(item.task, item.agent);
    openInspector(true);
    showOverlay(null);
  };
  const values = { host: item.host ?? '', task: item.task ?? '', agent: item.agent ?? '', tool: item.tool, spent: moneyText(item.spent_usd ?? 0), limit: moneyText(item.limit_usd ?? 0) };
  return (
    <article data-testid="inbox-item" data-kind={item.kind} data-number={item.number ?? ''} className="px-2.5 py-2.5">
      <div className="flex items-start gap-2">
        <Icon size={15} className={`mt-0.5 shrink-0 ${colour}`} aria-hidden="true" />
        <div className="min-w-0 flex-1">
          <p className="flex items-baseline gap-2">
            <span className="min-w-0 flex-1 text-sm font-medium">{t(`inbox.item.${item.kind}`, values)}</span>
            <span className="shrink-0 text-2xs text-ink-3 tabular">{durationText(Math.max(0, (now - millisOf(item.at)) / 1000))}</span>
          </p>
          <p className="mt-0.5 flex flex-wrap items-center gap-x-2 gap-y-0.5 text-2xs text-ink-3">
            {item.number === null ? null : <Chip>#{item.number}</Chip>}
            {item.task === null ? null : (
              <button type="button" onClick={show} className="rounded-sm text-accent-ink hover:underline">
                {item.task}
              </button>
            )}
            {item.host === null || !ofHost ? null : (
              <button type="button" onClick={showHost} className="rounded-sm text-accent-ink hover:underline">
                {t('lost.show_host', { host: item.host })}
              </button>
            )}
            {item.blocks === 0 ? null : <span>{t('notice.blocks', { count: item.blocks })}</span>}
            {left === null ? null : <span className="tabular">{t('inbox.by_itself', { time: durationText(left) })}</span>}
          </p>
          {ofWork ? <WorkItem item={item} /> : null}
          {ofHost ? <HostItem item={item} /> : null}
          {item.kind === 'approval' && item.number !== null ? <Permission item={item} number={item.number} /> : null}
          {item.kind.endsWith('_budget') && item.number !== null ? <Budget item={item} number={item.number} /> : null}
          {item.kind === 'task_failed' ? (
            <>
              <p className="selectable mt-1 line-clamp-4 text-xs break-words text-ink-2">{item.what}</p>
              <p className="mt-1 text-xs text-ink-3">{item.detail}</p>
              <Button icon={RotateCcw} className="mt-2" onClick={() => (item.task === null ? undefined : void commands.retryTask(item.task))}>
                {t('action.retry')}
              </Button>
            </>
          ) : null}
        </div>
      </div>
    </article>
  );
}
