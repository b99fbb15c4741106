// A plan as the program reads it, read again when the person chooses otherwise.

import { useEffect, useState } from 'react';

import { asApiError } from '../platform/platform';
import type { ApiError, Choice, DoctorLine, PlanView } from '../platform/types';
import { useSession } from '../store/context';
import { createRunStore } from '../store/run';
import type { RunStore } from '../store/run';

export type Inspected = {
  plan: PlanView | null;
  /** The plan drawn as a run; null while there is none to draw. */
  preview: RunStore | null;
  doctor: DoctorLine[];
  error: ApiError | null;
  reload: () => void;
};

export function usePlan(path: string, choice: Choice, speed: number | null, stateDir: string | null): Inspected {
  const { platform } = useSession();
  const [plan, setPlan] = useState<PlanView | null>(null);
  const [preview, setPreview] = useState<RunStore | null>(null);
  const [doctor, setDoctor] = useState<DoctorLine[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [round, setRound] = useState(0);

  useEffect(() => {
    let gone = false;
    platform.inspectPlan(path, choice, speed, stateDir).then(
      (view) => {
        if (gone) return;
        setPlan(view);
        setPreview(view.preview === null ? null : createRunStore(view.preview));
        setError(null);
      },
      (thrown: unknown) => (gone ? undefined : setError(asApiError(thrown))),
    );
    return () => {
      gone = true;
    };
  }, [platform, path, choice, speed, stateDir, round]);

  useEffect(() => {
    let gone = false;
    platform.doctor(path, stateDir).then(
      (lines) => (gone ? undefined : setDoctor(lines)),
      (thrown: unknown) => (gone ? undefined : setError(asApiError(thrown))),
    );
    return () => {
      gone = true;
    };
  }, [platform, path, stateDir, round]);

  return { plan, preview, doctor, error, reload: () => setRound(round + 1) };
}
