// What trying a host out brought to light, line by line, with its question in between.

import { CircleCheck, TriangleAlert } from 'lucide-react';

import { QuestionForm } from '../hosts/QuestionForm';
import { useText } from '../i18n';
import { CheckLine } from './Findings';
import type { HostTesting } from './useHostTest';

/** What a test brought to light, and what has to be said before it goes on. */
export function TestResult({ name, testing }: { name: string; testing: HostTesting }) {
  const t = useText();
  const { result, error, answer } = testing;
  if (error !== null) {
    return (
      <p role="alert" className="selectable flex gap-2 px-3 pb-2 text-xs wrap-anywhere text-ink-2">
        <TriangleAlert size={13} className="mt-0.5 shrink-0 text-failed" aria-hidden="true" />
        <span>{[error.message, ...error.hints].join(' ')}</span>
      </p>
    );
  }
  if (result === null) return null;
  const missing = result.lines.filter((line) => !line.ok && line.required).length;
  return (
    <div aria-live="polite">
      {result.lines.length === 0 ? null : (
        <ul className="pb-1" data-testid="host-test">
          {result.lines.map((line) => (
            <CheckLine key={line.name} line={line} />
          ))}
        </ul>
      )}
      {result.question === null ? null : (
        <div className="mx-3 mt-1 mb-3 rounded-md border border-line bg-raised px-3 py-2.5">
          <QuestionForm
            key={JSON.stringify(result.question)}
            host={name}
            question={result.question}
            keeps="once"
            onAnswer={answer}
          />
        </div>
      )}
      {result.question === null && result.lines.length > 0 ? (
        <p className={`flex items-center gap-1.5 px-3 pb-2 text-xs font-medium ${missing === 0 ? 'text-completed' : 'text-failed'}`}>
          {missing === 0 ? <CircleCheck size={13} aria-hidden="true" /> : <TriangleAlert size={13} aria-hidden="true" />}
          {missing === 0 ? t('review.test_good') : t('review.test_bad', { count: missing })}
        </p>
      ) : null}
    </div>
  );
}
