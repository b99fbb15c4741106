// The small pieces that the inspector is made of.

import type { ReactNode } from 'react';

import { StateIcon } from '../design/StateIcon';
import { useText } from '../i18n';
import type { TextKey } from '../i18n';
import { amountText, moneyText } from '../model/money';
import type { TaskId, UsageView } from '../platform/types';
import { useTask } from '../store/run';
import { selectTask } from '../store/view';

export function Section({ title, count, children }: { title: TextKey; count?: number; children: ReactNode }) {
  const t = useText();
  return (
    <section className="border-t border-line px-4 py-3">
      <h3 className="mb-1.5 flex items-center gap-1.5 text-2xs font-semibold text-ink-3">
        {t(title)}
        {count === undefined ? null : <span className="font-normal tabular">{count}</span>}
      </h3>
      {children}
    </section>
  );
}

export function Fact({ label, children }: { label: TextKey; children: ReactNode }) {
  const t = useText();
  return (
    <>
      <dt className="text-xs text-ink-3">{t(label)}</dt>
      <dd className="selectable min-w-0 text-xs break-words text-ink tabular">{children}</dd>
    </>
  );
}

/** A way to another task, with its state. */
export function TaskLink({ id }: { id: TaskId }) {
  const task = useTask(id);
  return (
    <button
      type="button"
      title={task?.title}
      onClick={() => selectTask(id, task?.agent ?? null)}
      className="inline-flex h-6 items-center gap-1 rounded-md border border-line bg-raised px-1.5 text-xs tabular hover:border-line-strong hover:bg-hover"
    >
      {task === undefined ? null : <StateIcon phase={task.phase} size={12} />}
      {id}
    </button>
  );
}

export function TaskLinks({ ids, none }: { ids: readonly TaskId[]; none: TextKey }) {
  const t = useText();
  if (ids.length === 0) return <p className="text-xs text-ink-3">{t(none)}</p>;
  return (
    <div className="flex flex-wrap gap-1">
      {ids.map((id) => (
        <TaskLink key={id} id={id} />
      ))}
    </div>
  );
}

/** What a model read, wrote and cost, in a line. */
export function usageText(t: ReturnType<typeof useText>, usage: UsageView): string {
  const tokens = t('cost.tokens', { read: amountText(usage.input_tokens), cached: amountText(usage.cached_tokens), written: amountText(usage.output_tokens) });
  return usage.cost_usd === null ? tokens : `${moneyText(usage.cost_usd)} · ${tokens}`;
}

export function CodeLines({ lines, none }: { lines: readonly string[]; none: TextKey }) {
  const t = useText();
  if (lines.length === 0) return <p className="text-xs text-ink-3">{t(none)}</p>;
  return (
    <ul className="selectable flex flex-col gap-0.5">
      {lines.map((line, index) => (
        <li key={index} className="font-mono text-2xs break-all text-ink-2">
          {line}
        </li>
      ))}
    </ul>
  );
}
