// One host at a glance: how contact stands, how full it is, and the way to all that is known of it.

import { memo } from 'react';

import { Hint } from '../design/controls';
import { useText } from '../i18n';
import { clockApart, contactOf, hostCountsDown, lookOf, roundTripText } from '../model/hosts';
import { durationText } from '../model/time';
import type { HostId } from '../platform/types';
import { useNow } from '../store/clock';
import { useRun } from '../store/run';
import { selectHost, useView } from '../store/view';
import { ContactIcon } from './ContactIcon';
import { MiniMeters, useMeterTexts } from './Meters';
import { contactWords } from './words';

export const HostChip = memo(function HostChip({ id }: { id: HostId }) {
  const t = useText();
  const host = useRun((data) => data.hosts[id]);
  const now = useNow(host !== undefined && hostCountsDown(host));
  const selected = useView((view) => view.selectedHost === id);
  const texts = useMeterTexts(host?.load ?? null);
  if (host === undefined) return null;
  const contact = contactOf(host);
  const words = contactWords(t, host, now);
  const apart = clockApart(host);
  const clock = apart === null ? null : t(apart.key, { time: durationText(apart.seconds) });
  const trip = host.round_trip_ms === null ? null : roundTripText(host.round_trip_ms);
  const hint = [host.title, words, texts?.load, texts?.memory, texts?.disk, trip, clock, ...host.labels, host.problem].filter(Boolean).join(' · ');
  return (
    <Hint text={hint}>
      <button
        type="button"
        data-testid="host"
        data-host-id={id}
        data-contact={contact}
        aria-pressed={selected}
        onClick={() => selectHost(selected ? null : id)}
        className="mr-1 flex h-6 items-center gap-1.5 rounded-md px-1.5 text-2xs whitespace-nowrap text-ink-2 hover:bg-hover aria-pressed:bg-accent-soft"
      >
        <ContactIcon contact={lookOf(host)} />
        <span className="font-semibold">{id}</span>
        <span className={contact === 'ready' ? 'sr-only' : 'tabular'}>{words}</span>
        <span className="text-ink-2 tabular" title={t('host.capacity')}>
          {host.running}/{host.capacity}
        </span>
        {host.load === null || contact !== 'ready' ? null : <MiniMeters load={host.load} />}
        {trip === null || contact !== 'ready' ? null : <span className="text-ink-2 tabular">{trip}</span>}
        {clock === null ? null : <span className="text-back-off tabular">{clock}</span>}
      </button>
    </Hint>
  );
});
