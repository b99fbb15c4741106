// Checks and tests: what was expected, what was found, and what was printed.

import { CircleCheck, CircleX, MinusCircle } from 'lucide-react';
import { useState } from 'react';

import { Toggle } from '../design/menus';
import { useText } from '../i18n';
import { durationText } from '../model/time';
import { countTests, foundText, orderTests } from '../model/work';
import type { CheckResult, TestResult } from '../platform/types';

const MOST_ROWS = 400;
const OUTCOMES = { passed: [CircleCheck, 'text-completed'], failed: [CircleX, 'text-failed'], skipped: [MinusCircle, 'text-ink-3'] } as const;

function TestRow({ test }: { test: TestResult }) {
  const t = useText();
  const [Icon, colour] = OUTCOMES[test.outcome];
  return (
    <tr data-testid="test-row" data-outcome={test.outcome} className="border-t border-line align-top">
      <td className="w-6 py-1 pl-2">
        <Icon size={13} className={`mt-0.5 ${colour}`} aria-label={t(`tests.outcome.${test.outcome}`)} role="img" />
      </td>
      <td className="selectable hidden px-2 py-1 font-mono text-2xs wrap-anywhere text-ink-3 @md:table-cell">{test.suite}</td>
      <td className="selectable px-2 py-1 font-mono text-2xs wrap-anywhere">
        {test.name}
        <span className="block text-ink-3 @md:hidden">{test.suite}</span>
        {test.message === '' ? null : <span className="mt-0.5 block whitespace-pre-wrap text-failed">{test.message}</span>}
      </td>
      <td className="px-2 py-1 text-right text-2xs whitespace-nowrap text-ink-3 tabular">{test.seconds === null ? '–' : durationText(test.seconds)}</td>
    </tr>
  );
}

export function TestsTable({ tests }: { tests: readonly TestResult[] }) {
  const t = useText();
  const counts = countTests(tests);
  const [onlyFailed, setOnlyFailed] = useState(counts.failed > 0);
  const wanted = orderTests(onlyFailed ? tests.filter((test) => test.outcome === 'failed') : tests);
  return (
    <div data-testid="tests" className="rounded-md border border-line">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1 px-2 py-1.5 text-xs whitespace-nowrap">
        <span className="font-medium">{t('tests.title')}</span>
        <span data-testid="tests-count" className={`tabular ${counts.failed > 0 ? 'text-failed' : 'text-completed'}`}>
          {t('tests.count', { passed: counts.passed, total: counts.total })}
        </span>
        <span className="ml-auto flex items-center gap-1.5 text-2xs text-ink-2">
          {t('tests.only_failed')}
          <Toggle label={t('tests.only_failed')} checked={onlyFailed} onChange={setOnlyFailed} />
        </span>
      </div>
      {wanted.length === 0 ? (
        <p className="border-t border-line px-2 py-2 text-xs text-ink-3">{t('tests.none_failed')}</p>
      ) : (
        // A long table must be scrolled by the keyboard too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div tabIndex={0} role="region" aria-label={t('tests.title')} className="max-h-72 overflow-auto">
          <table className="w-full">
            <thead className="sr-only">
              <tr>
                <th scope="col">{t('fact.status')}</th>
                <th scope="col" className="hidden @md:table-cell">
                  {t('tests.suite')}
                </th>
                <th scope="col">{t('tests.name')}</th>
                <th scope="col">{t('tests.seconds')}</th>
              </tr>
            </thead>
            <tbody>
              {wanted.slice(0, MOST_ROWS).map((test, index) => (
                <TestRow key={index} test={test} />
              ))}
            </tbody>
          </table>
          {wanted.length > MOST_ROWS ? <p className="px-2 py-1 text-2xs text-ink-3">{t('tests.more', { count: wanted.length - MOST_ROWS })}</p> : null}
        </div>
      )}
    </div>
  );
}

/** What was found, in the person's language where it is no more than an exit code. */
export function Found({ check }: { check: CheckResult }) {
  const t = useText();
  const found = foundText(check);
  const code = /^exit code (\d+)$/.exec(found)?.[1];
  return code === undefined ? found : t('verify.exit', { code });
}

export function CheckCard({ check }: { check: CheckResult }) {
  const t = useText();
  const Icon = check.passed ? CircleCheck : CircleX;
  const expected = check.expected ?? '';
  return (
    <li data-testid="check" data-passed={check.passed} className="@container rounded-md border border-line bg-surface">
      <div className="flex flex-wrap items-start gap-x-2 gap-y-1.5 px-2.5 py-2">
        <Icon size={15} className={`mt-0.5 shrink-0 ${check.passed ? 'text-completed' : 'text-failed'}`} role="img" aria-label={t(check.passed ? 'verify.passed' : 'verify.failed')} />
        <div className="min-w-0 flex-1">
          {(check.name ?? '') === '' ? null : <p className="text-sm font-medium">{check.name}</p>}
          <p className="selectable font-mono text-2xs wrap-anywhere text-ink-2">{check.run.join(' ')}</p>
        </div>
        <dl className="ml-6 flex basis-full gap-4 text-2xs @md:ml-0 @md:basis-auto @md:gap-3 @md:text-right">
          <div>
            <dt className="text-ink-3">{t('verify.expected')}</dt>
            <dd className="tabular">{expected === '' ? t('verify.exit', { code: 0 }) : expected}</dd>
          </div>
          <div className="@md:min-w-18">
            <dt className="text-ink-3">{t('verify.found')}</dt>
            <dd data-testid="check-found" className={`font-semibold tabular ${check.passed ? '' : 'text-failed'}`}><Found check={check} /></dd>
          </div>
          <div className="@md:min-w-12">
            <dt className="text-ink-3">{t('verify.time')}</dt>
            <dd className="text-ink-2 tabular">{durationText(check.millis / 1000)}</dd>
          </div>
        </dl>
      </div>
      {(check.tests ?? []).length === 0 ? null : (
        <div className="px-2.5 pb-2.5">
          <TestsTable tests={check.tests ?? []} />
        </div>
      )}
      {check.tail === '' ? null : (
        <details open={!check.passed} className="px-2.5 pb-2.5">
          <summary className="cursor-pointer text-2xs text-ink-3">{t('verify.output')}</summary>
          {/* Long output must be scrolled by the keyboard too. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0} role="region" aria-label={t('verify.output')} className="selectable mt-1 max-h-48 overflow-auto rounded-md bg-sunken p-2 font-mono text-2xs whitespace-pre-wrap break-words text-ink-2">{check.tail}</pre>
        </details>
      )}
    </li>
  );
}

export function Checks({ checks, label }: { checks: readonly CheckResult[]; label: string }) {
  return (
    <ul aria-label={label} className="flex flex-col gap-2">
      {checks.map((check, index) => (
        <CheckCard key={index} check={check} />
      ))}
    </ul>
  );
}

const grouped = (count: number): string => count.toLocaleString('en');

/** How many lines came and went; a zero says nothing. */
export function Counts({ added, removed }: { added: number; removed: number }) {
  if (added === 0 && removed === 0) return null;
  return (
    <span className="inline-flex shrink-0 gap-1.5 text-2xs tabular">
      {added === 0 ? null : <span className="text-completed">+{grouped(added)}</span>}
      {removed === 0 ? null : <span className="text-failed">−{grouped(removed)}</span>}
    </span>
  );
}

