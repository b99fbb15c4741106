// Sentences about hosts that several places say.

import type { Translate } from '../i18n';
import { lookOf, secondsToNextTry } from '../model/hosts';
import { timeOfMinute } from '../model/time';
import type { HostView } from '../platform/types';

/** How contact stands in a word or two, as in `reconnecting, next try in 8 s`. */
export function contactWords(t: Translate, host: HostView, nowMillis: number): string {
  const contact = lookOf(host);
  const seconds = secondsToNextTry(host, nowMillis);
  const word = t(`contact.${contact}`);
  if (seconds === null || contact === 'ready' || contact === 'asks') return word;
  return seconds === 0 ? t('contact.trying', { contact: word }) : t('contact.next_try', { contact: word, seconds });
}

/** Since when it cannot be reached, without the next try. */
export function sinceWords(t: Translate, host: HostView, language: string): string {
  if (host.contact_since === null) return t('lost.plain', { host: host.id });
  return t('lost.since', { host: host.id, since: timeOfMinute(host.contact_since, language) });
}

/** Why nothing is known of what is on it, as in `MUGEN cannot be reached since 14:03; next try in 8 s.` */
export function lostWords(t: Translate, host: HostView, language: string, nowMillis: number): string {
  const since = host.contact_since === null ? null : timeOfMinute(host.contact_since, language);
  const seconds = secondsToNextTry(host, nowMillis);
  const values = { host: host.id, since: since ?? '', seconds: seconds ?? 0 };
  if (since === null) return t('lost.plain', values);
  if (seconds === null) return t('lost.since', values);
  return seconds === 0 ? t('lost.trying', values) : t('lost.next_try', values);
}
