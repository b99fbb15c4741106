// What is wrong with a plan, what a person should know, and what this machine lacks.

import { CircleCheck, CircleX, OctagonX, TriangleAlert } from 'lucide-react';

import { useText } from '../i18n';
import { orderFindings, placeText } from '../model/review';
import type { DoctorLine, Finding } from '../platform/types';

export function Findings({ findings }: { findings: readonly Finding[] }) {
  const t = useText();
  if (findings.length === 0) {
    return (
      <p className="flex items-center gap-2 px-3 py-2.5 text-sm text-ink-2">
        <CircleCheck size={15} className="text-completed" aria-hidden="true" />
        {t('review.no_findings')}
      </p>
    );
  }
  return (
    <ul className="divide-y divide-line">
      {orderFindings(findings).map((finding, index) => {
        const Icon = finding.severity === 'error' ? OctagonX : TriangleAlert;
        return (
          <li key={index} data-testid="finding" data-severity={finding.severity} data-code={finding.code} className="flex gap-2.5 px-3 py-2.5">
            <Icon
              size={15}
              className={`mt-0.5 shrink-0 ${finding.severity === 'error' ? 'text-failed' : 'text-back-off'}`}
              aria-label={t(`severity.${finding.severity}`)}
            />
            <div className="selectable min-w-0">
              <p className="text-sm break-words">{finding.message}</p>
              <p className="text-xs break-words text-ink-2">{finding.remedy}</p>
              <p className="mt-0.5 font-mono text-2xs break-all text-ink-3">{placeText(finding)}</p>
            </div>
          </li>
        );
      })}
    </ul>
  );
}

/** One thing that was looked for, with the line that mends it. */
export function CheckLine({ line }: { line: DoctorLine }) {
  const t = useText();
  const Icon = line.ok ? CircleCheck : CircleX;
  const bad = line.required ? 'text-failed' : 'text-ink-3';
  const missing = line.found === '' ? t(line.required ? 'review.required' : 'review.optional') : line.found;
  return (
    <li data-testid="doctor-line" data-name={line.name} data-ok={line.ok} className="flex items-start gap-2.5 px-3 py-1.5">
      <Icon size={14} className={`mt-0.5 shrink-0 ${line.ok ? 'text-completed' : bad}`} aria-label={line.ok ? t('review.ok') : t('review.missing')} />
      <div className="selectable min-w-0 flex-1">
        <p className="flex gap-2 text-xs">
          <span className="shrink-0 font-medium">{line.name}</span>
          <span className={`min-w-0 text-ink-3 ${line.ok ? 'truncate' : 'wrap-anywhere'}`}>{line.ok ? line.found : missing}</span>
        </p>
        {line.remedy === '' ? null : <p className="font-mono text-2xs wrap-anywhere text-ink-2">{line.remedy}</p>}
      </div>
    </li>
  );
}

export function Checks({ doctor, obstacles }: { doctor: readonly DoctorLine[]; obstacles: readonly string[] }) {
  return (
    <ul className="divide-y divide-line">
      {doctor.map((line) => (
        <CheckLine key={line.name} line={line} />
      ))}
      {obstacles.map((obstacle) => (
        <li key={obstacle} className="flex items-start gap-2.5 px-3 py-1.5">
          <TriangleAlert size={14} className="mt-0.5 shrink-0 text-back-off" aria-hidden="true" />
          <p className="selectable text-xs text-ink-2">{obstacle}</p>
        </li>
      ))}
    </ul>
  );
}
