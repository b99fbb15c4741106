// The report of the run, in three forms; where it goes is asked by a native dialog.

import { Braces, FileText, Globe } from 'lucide-react';
import type { LucideIcon } from 'lucide-react';

import { Sheet } from '../design/surfaces';
import { RehearsalBadge } from '../header/Header';
import { useText } from '../i18n';
import { hasEnded } from '../model/phases';
import type { ReportFormat } from '../platform/types';
import { useCommands } from '../store/context';
import { useRun } from '../store/run';
import { showOverlay, useView } from '../store/view';

const FORMATS: readonly [ReportFormat, LucideIcon][] = [
  ['markdown', FileText],
  ['html', Globe],
  ['json', Braces],
];

export function ExportSheet() {
  const t = useText();
  const commands = useCommands();
  const open = useView((view) => view.overlay === 'export');
  const ended = useRun((data) => hasEnded(data.run.phase));
  const speed = useRun((data) => data.run.rehearsal_speed);
  const save = (format: ReportFormat): void => {
    showOverlay(null);
    void commands.exportReport(format);
  };
  return (
    <Sheet open={open} onClose={() => showOverlay(null)} title={t('export.title')} description={ended ? t('export.text') : t('export.so_far')}>
      {speed === null ? null : (
        <p className="mb-2.5 flex items-center gap-2 text-xs text-ink-2">
          <RehearsalBadge speed={speed} />
          {t('rehearsal.text', { speed })}
        </p>
      )}
      <ul className="mt-1 flex flex-col gap-1.5">
        {FORMATS.map(([format, Icon]) => (
          <li key={format}>
            <button
              type="button"
              data-testid={`export-${format}`}
              onClick={() => save(format)}
              className="flex w-full items-center gap-3 rounded-md border border-line px-3 py-2.5 text-left hover:border-line-strong hover:bg-hover"
            >
              <Icon size={18} className="text-ink-3" aria-hidden="true" />
              <span>
                <span className="block text-sm font-medium">{t(`export.${format}`)}</span>
                <span className="block text-xs text-ink-3">{t(`export.${format}_text`)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
