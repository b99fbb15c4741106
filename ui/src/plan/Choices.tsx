// What each way to read waves and needs would give, side by side.

import { RadioGroup } from 'radix-ui';

import { useText } from '../i18n';
import { choiceKey, sameChoice } from '../model/review';
import { durationText } from '../model/time';
import type { Choice, ChoiceView } from '../platform/types';

function Card({ view, shortest }: { view: ChoiceView; shortest: number }) {
  const t = useText();
  const key = choiceKey(view.choice);
  const share = view.expected_seconds / Math.max(1, shortest);
  return (
    <RadioGroup.Item
      value={key}
      data-testid={`choice-${key.replace('choice.', '')}`}
      className="group flex min-w-0 flex-1 flex-col rounded-lg border border-line bg-surface p-3 text-left hover:border-line-strong data-[state=checked]:border-accent data-[state=checked]:bg-[color-mix(in_oklab,var(--accent)_6%,var(--surface))] data-[state=checked]:ring-1 data-[state=checked]:ring-accent"
    >
      <span className="flex items-center gap-2">
        <span className="flex size-3.5 shrink-0 items-center justify-center rounded-full border border-line-strong group-data-[state=checked]:border-accent">
          <RadioGroup.Indicator className="size-1.5 rounded-full bg-accent" />
        </span>
        <span className="text-sm font-medium">{t(key)}</span>
      </span>
      <span className="mt-0.5 ml-5.5 min-h-8 text-xs text-ink-3">{t(`${key}_text`)}</span>
      <span className="mt-1 ml-5.5 text-lg font-semibold tabular">{durationText(view.expected_seconds)}</span>
      <span className="mt-1 mr-1 ml-5.5 h-1 rounded-full bg-press">
        <span className="block h-full rounded-full bg-ink-3 group-data-[state=checked]:bg-accent" style={{ width: `${Math.min(100, 80 * share)}%` }} />
      </span>
      <span className="mt-2 ml-5.5 flex flex-wrap gap-x-3 text-2xs text-ink-2 tabular">
        <span>{t('choice.levels', { count: view.levels })}</span>
        <span>{t('choice.bound', { time: durationText(view.lower_bound_seconds) })}</span>
        <span className={view.dropped_edges > 0 ? 'font-medium text-back-off' : ''}>{t('choice.dropped', { count: view.dropped_edges })}</span>
      </span>
    </RadioGroup.Item>
  );
}

export function Choices({ views, chosen, onChoose }: { views: readonly ChoiceView[]; chosen: Choice; onChoose: (choice: Choice) => void }) {
  const t = useText();
  const shortest = Math.min(...views.map((view) => view.expected_seconds));
  return (
    <RadioGroup.Root
      aria-label={t('review.choices')}
      value={choiceKey(chosen)}
      className="flex gap-3"
      onValueChange={(key) => {
        const view = views.find((one) => choiceKey(one.choice) === key);
        if (view !== undefined && !sameChoice(view.choice, chosen)) onChoose(view.choice);
      }}
    >
      {views.map((view) => (
        <Card key={choiceKey(view.choice)} view={view} shortest={shortest} />
      ))}
    </RadioGroup.Root>
  );
}
