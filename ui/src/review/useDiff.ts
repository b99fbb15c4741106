// The differences of an attempt, and those files of it that were asked for whole.

import { useCallback, useEffect, useState } from 'react';

import { asApiError } from '../platform/platform';
import type { ApiError, FilePatch, TaskDiff, TaskId } from '../platform/types';
import { useSession } from '../store/context';

export type DiffState = { diff: TaskDiff | null; error: ApiError | null; fetchWhole: (file: string) => void };

/** `mark` changes when the work may have changed, as with a new commit. */
export function useDiff(task: TaskId, attempt: number | null, mark: string): DiffState {
  const { platform } = useSession();
  const [diff, setDiff] = useState<TaskDiff | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    let gone = false;
    platform.taskDiff(task, attempt, null).then(
      (found) => {
        if (gone) return;
        setDiff(found);
        setError(null);
      },
      (thrown: unknown) => {
        if (gone) return;
        setDiff(null);
        setError(asApiError(thrown));
      },
    );
    return () => {
      gone = true;
    };
  }, [platform, task, attempt, mark]);
  const fetchWhole = useCallback(
    (file: string) => {
      platform.taskDiff(task, attempt, file).then(
        (found) => {
          const whole = found.patches.find((patch) => patch.path === file);
          if (whole === undefined) return;
          const put = (patch: FilePatch): FilePatch => (patch.path === file ? whole : patch);
          setDiff((before) => (before === null ? null : { ...before, patches: before.patches.map(put) }));
        },
        (thrown: unknown) => setError(asApiError(thrown)),
      );
    },
    [platform, task, attempt],
  );
  return { diff, error, fetchWhole };
}
