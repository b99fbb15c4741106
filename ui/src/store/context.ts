// How components reach their window's session and the commands that a person can give.

import { createContext, useContext, useMemo } from 'react';

import { createCommands } from './commands';
import type { Commands } from './commands';
import type { Session } from './session';

const SessionContext = createContext<Session | null>(null);
export const SessionScope = SessionContext.Provider;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('a component stands outside of a SessionScope');
  return session;
}

export function useCommands(): Commands {
  const session = useSession();
  return useMemo(() => createCommands(session.platform, session.welcome), [session]);
}
