// The differences of one file. react-diff-view draws them: its table is plain rows that a screen reader
// understands, it marks words within changed lines, and it brings no colours of a syntax along.

import { useMemo, useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import { Decoration, Diff, getChangeKey, Hunk, markEdits, parseDiff, tokenize } from 'react-diff-view';
import type { ChangeData, FileData, HunkTokens, ViewType } from 'react-diff-view';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import { kibText } from '../model/work';
import type { FileChange, FilePatch } from '../platform/types';

/** Beyond so many lines the table is drawn only when it is asked for. */
const LONG = 800;
/** Beyond so many lines words are not compared: that takes longer than anybody looks. */
const MOST_COMPARED = 4000;

function parsed(patch: FilePatch): FileData | null {
  try {
    return parseDiff(patch.text, { nearbySequences: 'zip' })[0] ?? null;
  } catch {
    return null;
  }
}

function words(file: FileData, lines: number): HunkTokens | null {
  if (lines > MOST_COMPARED) return null;
  try {
    return tokenize(file.hunks, { enhancers: [markEdits(file.hunks, { type: 'block' })] });
  } catch {
    return null;
  }
}

/** The line of the new file; none for a line that is gone. */
export function newLine(change: ChangeData): number | null {
  if (change.type === 'delete') return null;
  return change.type === 'insert' ? change.lineNumber : change.newLineNumber;
}

/** Up and down between the line numbers: only the first is reached by Tab, or nobody would get past them. */
function stepLines(event: KeyboardEvent<HTMLElement>): void {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const { target } = event;
  if (by === undefined || !(target instanceof HTMLButtonElement) || target.dataset['line'] === undefined) return;
  event.preventDefault();
  const lines = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('button[data-line]')];
  lines[lines.indexOf(target) + by]?.focus();
}

/** The keys of those lines of a file that hold a comment, by line. */
function keysOf(file: FileData, lines: ReadonlyMap<number, ReactNode>): Record<string, ReactNode> {
  const found: Record<string, ReactNode> = {};
  for (const hunk of file.hunks) {
    for (const change of hunk.changes) {
      const line = newLine(change);
      if (line !== null && lines.has(line)) found[getChangeKey(change)] = lines.get(line);
    }
  }
  return found;
}

type FileDiffProps = {
  file: FileChange;
  patch: FilePatch;
  view: ViewType;
  /** What stands below a line of the new file. */
  below: ReadonlyMap<number, ReactNode>;
  onLine: (line: number) => void;
  /** Fetches it whole. */
  onWhole: () => void;
};

export function FileDiff({ file, patch, view, below, onLine, onWhole }: FileDiffProps) {
  const t = useText();
  const [unfolded, setUnfolded] = useState(false);
  const data = useMemo(() => (patch.text === '' ? null : parsed(patch)), [patch]);
  const lines = useMemo(() => data?.hunks.reduce((sum, hunk) => sum + hunk.changes.length, 0) ?? 0, [data]);
  const shown = unfolded || lines <= LONG;
  const first = useMemo(() => data?.hunks.flatMap((hunk) => hunk.changes).map(newLine).find((line) => line !== null), [data]);
  const tokens = useMemo(() => (data === null || !shown ? null : words(data, lines)), [data, lines, shown]);
  const note = 'px-3 py-3 text-xs text-ink-3';
  if (file.binary) return <p className={note}>{t('review_work.binary')}</p>;
  if (patch.left_out_bytes !== null) {
    return (
      <div className="flex items-center gap-3 px-3 py-3 text-xs text-ink-2" data-testid="left-out">
        {t('review_work.large', { size: kibText(Math.ceil(patch.left_out_bytes / 1024)) })}
        <Button data-testid="show-whole" onClick={onWhole}>
          {t('review_work.whole')}
        </Button>
      </div>
    );
  }
  if (data === null || lines === 0) return <p className={note}>{t('review_work.no_text')}</p>;
  if (!shown) {
    return (
      <div className="flex items-center gap-3 px-3 py-3 text-xs text-ink-2" data-testid="long-file">
        {t('review_work.long', { count: lines })}
        <Button data-testid="show-whole" onClick={() => setUnfolded(true)}>
          {t('review_work.whole')}
        </Button>
      </div>
    );
  }
  return (
    // The keys belong to the buttons within.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className="review-diff" data-testid="diff" onKeyDown={stepLines}>
      <Diff
        viewType={view}
        diffType={data.type}
        hunks={data.hunks}
        tokens={tokens}
        widgets={keysOf(data, below)}
        renderGutter={({ change, side, renderDefault }) => {
          const line = newLine(change);
          if (line === null || (side === 'old' && view === 'split')) return renderDefault();
          if (side === 'old') return renderDefault();
          return (
            <button type="button" tabIndex={line === first ? 0 : -1} data-testid="diff-line" data-line={line} aria-label={t('review_work.comment_line', { line })} onClick={() => onLine(line)}>
              {line}
            </button>
          );
        }}
      >
        {(hunks) =>
          hunks.flatMap((hunk) => [
            <Decoration key={`head ${hunk.content}`}>
              <p className="bg-sunken px-3 py-0.5 font-mono text-2xs text-ink-3">{hunk.content}</p>
            </Decoration>,
            <Hunk key={hunk.content} hunk={hunk} />,
          ])
        }
      </Diff>
    </div>
  );
}
