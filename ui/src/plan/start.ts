// Starting a run: asks for trust, and what shall become of an unfinished run, before it goes on.

import { asApiError } from '../platform/platform';
import type { ApiError, StartOptions } from '../platform/types';
import { ask } from '../store/dialogs';
import type { Session } from '../store/session';

async function amended(options: StartOptions, error: ApiError): Promise<StartOptions | null> {
  if (error.code === 'needs_trust' && !options.trust) {
    const agreed = await ask({
      title: 'confirm.trust.title',
      body: 'confirm.trust.body',
      values: {},
      detail: error.message,
      lines: error.hints,
      confirm: 'confirm.trust.yes',
      tone: 'plain',
    });
    return agreed ? { ...options, trust: true } : null;
  }
  if (error.code === 'unfinished' && !options.new_run) {
    const agreed = await ask({
      title: 'confirm.new_run.title',
      body: 'confirm.new_run.body',
      values: {},
      detail: error.message,
      confirm: 'confirm.new_run.yes',
      tone: 'danger',
    });
    return agreed ? { ...options, new_run: true } : null;
  }
  // The checkout holds work that is not committed; the program names the way out in its hints.
  if (!options.stash && error.hints.some((hint) => hint.includes('--stash'))) {
    const agreed = await ask({
      title: 'confirm.stash.title',
      body: 'confirm.stash.body',
      values: {},
      detail: error.message,
      confirm: 'confirm.stash.yes',
      tone: 'plain',
    });
    if (agreed) return { ...options, stash: true };
  }
  throw error;
}

/** Resolves to the error that stands in the way, or to null when the run is open or was called off. */
export async function startWithQuestions(session: Session, options: StartOptions): Promise<ApiError | null> {
  let wanted: StartOptions | null = options;
  while (wanted !== null) {
    try {
      await session.start(wanted);
      return null;
    } catch (thrown) {
      try {
        wanted = await amended(wanted, asApiError(thrown));
      } catch (refused) {
        return asApiError(refused);
      }
    }
  }
  return null;
}
