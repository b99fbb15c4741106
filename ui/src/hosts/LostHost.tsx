// A line that says that a host cannot be reached, wherever something of it is shown.

import { Unplug } from 'lucide-react';

import { useLanguage, useText } from '../i18n';
import { contactOf, hostCountsDown, isOutOfReach } from '../model/hosts';
import type { HostId, HostView } from '../platform/types';
import { useNow } from '../store/clock';
import { useRun } from '../store/run';
import { selectHost } from '../store/view';
import { lostWords } from './words';

/** The host, while what is done on it is not known. */
export function useLostHost(id: HostId | null): HostView | null {
  const host = useRun((data) => (id === null ? undefined : data.hosts[id]));
  return host !== undefined && isOutOfReach(contactOf(host)) ? host : null;
}

/** The sentence alone; it counts down to the next try. */
export function LostWords({ host }: { host: HostView }) {
  const t = useText();
  const language = useLanguage();
  const now = useNow(hostCountsDown(host));
  return <span className="tabular">{lostWords(t, host, language, now)}</span>;
}

/** The sentence in a line over a pane, with what follows from it. */
export function LostHostLine({ host, text }: { host: HostView; text: string }) {
  const t = useText();
  return (
    <p
      role="status"
      data-testid="lost-host"
      data-host-id={host.id}
      className="phase-unverified flex items-center gap-2 border-b border-line bg-[color-mix(in_oklab,var(--phase)_9%,var(--surface))] px-3 py-1 text-xs text-ink-2"
    >
      <Unplug size={13} className="shrink-0 text-(--phase)" aria-hidden="true" />
      <span className="min-w-0 flex-1">
        <LostWords host={host} /> {text}
      </span>
      <button type="button" onClick={() => selectHost(host.id)} className="shrink-0 rounded-sm text-accent-ink hover:underline">
        {t('lost.show_host', { host: host.id })}
      </button>
    </p>
  );
}
