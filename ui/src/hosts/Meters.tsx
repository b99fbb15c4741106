// How near a host is to having nothing left: three small meters, and the same with their figures.

import { useText } from '../i18n';
import { meters, meterTone, sizeText } from '../model/hosts';
import type { MeterName, MeterTone } from '../model/hosts';
import type { Load } from '../platform/types';

const COLOURS: Record<MeterTone, string> = { calm: 'bg-ink-3', high: 'bg-back-off', full: 'bg-failed' };

/** Three upright bars, for a line; what they say is in the label of what holds them. */
export function MiniMeters({ load }: { load: Load }) {
  return (
    <span className="flex h-3 items-end gap-[2px]" aria-hidden="true">
      {meters(load).map(({ name, pressure }) => (
        <span key={name} className="flex h-full w-[3px] items-end overflow-hidden rounded-full bg-press">
          <span className={`w-full rounded-full ${COLOURS[meterTone(pressure)]}`} style={{ height: `${Math.max(8, pressure * 100)}%` }} />
        </span>
      ))}
    </span>
  );
}

/** Each figure in words. */
export function useMeterTexts(load: Load | null): Record<MeterName, string> | null {
  const t = useText();
  if (load === null) return null;
  return {
    load: t('host.meter.load_text', { load: load.load_1m.toFixed(1), cpus: load.cpus }),
    memory: t('host.meter.memory_text', { free: sizeText(load.memory_free_mib), total: sizeText(load.memory_total_mib) }),
    disk: t('host.meter.disk_text', { free: sizeText(load.disk_free_mib) }),
  };
}

export function Meters({ load }: { load: Load | null }) {
  const t = useText();
  const texts = useMeterTexts(load);
  if (load === null || texts === null) return <p className="text-xs text-ink-3">{t('host.no_load')}</p>;
  return (
    <ul className="flex flex-col gap-2">
      {meters(load).map(({ name, pressure }) => (
        <li key={name} className="grid grid-cols-[64px_1fr] items-center gap-x-3 gap-y-1">
          <span className="text-xs text-ink-3">{t(`host.meter.${name}`)}</span>
          <span className="selectable text-xs tabular">{texts[name]}</span>
          <span
            role="meter"
            aria-label={t(`host.meter.${name}`)}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(pressure * 100)}
            aria-valuetext={texts[name]}
            className="col-start-2 block h-1 overflow-hidden rounded-full bg-press"
          >
            <span className={`block h-full origin-left rounded-full ${COLOURS[meterTone(pressure)]}`} style={{ transform: `scaleX(${pressure})` }} />
          </span>
        </li>
      ))}
    </ul>
  );
}
