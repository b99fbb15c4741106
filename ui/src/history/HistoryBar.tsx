// The run's past on a slider: moment by moment, by hand or played.

import { ChevronLeft, ChevronRight, History, Pause, Play } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { CSSProperties } from 'react';

import { Button, IconButton } from '../design/controls';
import { PickMenu } from '../design/menus';
import { useLanguage, useText } from '../i18n';
import { timeOfDay } from '../model/time';
import { useSession } from '../store/context';
import { closePast, moveTo, openPast, usePast } from '../store/past';

const SPEEDS = ['1', '2', '5', '10'] as const;
const STEP_MILLIS = 1000;
/** Drawn here: beside the accent, engines draw a track that is white in the dark. */
const SLIDER = [
  'appearance-none rounded-full bg-transparent',
  '[&::-webkit-slider-runnable-track]:h-1 [&::-webkit-slider-runnable-track]:rounded-full',
  '[&::-webkit-slider-runnable-track]:bg-[linear-gradient(to_right,var(--accent)_var(--done),var(--line-strong)_var(--done))]',
  '[&::-webkit-slider-thumb]:-mt-1.25 [&::-webkit-slider-thumb]:size-3.5 [&::-webkit-slider-thumb]:appearance-none',
  '[&::-webkit-slider-thumb]:rounded-full [&::-webkit-slider-thumb]:bg-accent',
].join(' ');

export function HistoryButton() {
  const t = useText();
  const { platform } = useSession();
  const open = usePast((past) => past.open);
  return <IconButton icon={History} label={t('history.open')} pressed={open} data-testid="history-button" onClick={() => (open ? closePast() : void openPast(platform))} />;
}

export function HistoryBar() {
  const t = useText();
  const language = useLanguage();
  const { platform } = useSession();
  const { open, moments, at } = usePast();
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<(typeof SPEEDS)[number]>('2');
  useEffect(() => closePast, []);
  useEffect(() => {
    if (!open || !playing) return undefined;
    const timer = setInterval(() => {
      const now = usePast.getState();
      if (now.at >= now.moments.length - 1) setPlaying(false);
      else moveTo(platform, now.at + 1);
    }, STEP_MILLIS / Number(speed));
    return () => clearInterval(timer);
  }, [open, playing, speed, platform]);
  const moment = moments[at];
  if (!open || moment === undefined) return null;
  const time = timeOfDay(moment.at, language);
  const last = moments.length - 1;
  return (
    <section aria-label={t('history.title')} data-testid="history-bar" data-seq={moment.seq} className="border-b border-accent/40 bg-[color-mix(in_oklab,var(--accent)_9%,var(--surface))] px-3 py-1.5">
      <div className="flex items-center gap-2 text-sm">
        <History size={14} className="shrink-0 text-accent-ink" aria-hidden="true" />
        <span role="status" className="flex min-w-0 flex-1 items-baseline gap-2">
          <strong className="shrink-0 font-semibold tabular">{t('history.looking', { time })}</strong>
          <span data-testid="history-what" className="selectable min-w-0 truncate text-xs text-ink-2">
            {moment.what === '' ? (moment.task ?? '') : moment.what}
          </span>
        </span>
        <span className="shrink-0 text-2xs text-ink-3 tabular">{t('history.place', { at: at + 1, total: moments.length })}</span>
        <Button look="primary" data-testid="history-back" onClick={closePast}>
          {t('history.back')}
        </Button>
      </div>
      <div className="mt-1 flex items-center gap-1">
        <IconButton icon={playing ? Pause : Play} label={t(playing ? 'history.pause' : 'history.play')} data-testid="history-play" className="size-6" onClick={() => {
          if (!playing && at === last) moveTo(platform, 0);
          setPlaying(!playing);
        }} />
        <IconButton icon={ChevronLeft} label={t('history.previous')} data-testid="history-previous" className="size-6" disabled={at === 0} onClick={() => moveTo(platform, at - 1)} />
        <IconButton icon={ChevronRight} label={t('history.next')} data-testid="history-next" className="size-6" disabled={at === last} onClick={() => moveTo(platform, at + 1)} />
        <input
          type="range"
          data-testid="history-slider"
          min={0}
          max={last}
          value={at}
          aria-label={t('history.slider')}
          aria-valuetext={`${time} ${moment.what}`}
          onChange={(event) => moveTo(platform, Number(event.target.value))}
          style={{ '--done': `${last === 0 ? 100 : (at / last) * 100}%` } as CSSProperties}
          className={`mx-1 h-4 min-w-0 flex-1 ${SLIDER}`}
        />
        <PickMenu label={t('history.speed')} value={speed} options={SPEEDS.map((value) => ({ value, label: `${value}×` }))} onPick={setSpeed} />
      </div>
    </section>
  );
}
