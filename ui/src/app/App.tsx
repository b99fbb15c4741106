// The window: one screen at a time, and what lies over all of them.

import { LoaderCircle, OctagonX } from 'lucide-react';
import { Tooltip } from 'radix-ui';
import { useEffect } from 'react';
import { useStore } from 'zustand';

import { Boundary } from '../design/Boundary';
import { Button } from '../design/controls';
import { Empty } from '../design/Empty';
import { setTextLanguage, useText } from '../i18n';
import { PlanReview } from '../plan/PlanReview';
import { SettingsSheet } from '../settings/SettingsSheet';
import { SessionScope, useSession } from '../store/context';
import { RunScope } from '../store/run';
import type { Screen, Session } from '../store/session';
import { useSettings } from '../store/settings';
import { Welcome } from '../welcome/Welcome';
import { ConfirmDialog, Toasts } from './Messages';
import { RunScreen } from './RunScreen';
import { useThemeOnPage } from './theme';

function Failed({ screen }: { screen: Screen & { at: 'failed' } }) {
  const t = useText();
  const session = useSession();
  const { error, stateDir } = screen;
  return (
    <Empty icon={OctagonX} title={t(`error.${error.code}`)} text={[error.message, ...error.hints].join('\n')}>
      <Button onClick={session.welcome}>{t('header.back')}</Button>
      <Button look="primary" onClick={() => void session.open(stateDir)}>
        {t('action.try_again')}
      </Button>
    </Empty>
  );
}

function Loading() {
  const t = useText();
  return (
    <div role="status" className="flex h-full items-center justify-center gap-2 text-sm text-ink-3">
      <LoaderCircle size={16} className="turning" aria-hidden="true" />
      {t('app.loading')}
    </div>
  );
}

function CurrentScreen({ screen }: { screen: Screen }) {
  switch (screen.at) {
    case 'starting':
    case 'opening':
      return <Loading />;
    case 'welcome':
      return <Welcome />;
    case 'review':
      return <PlanReview key={screen.path} path={screen.path} stateDir={screen.stateDir} speed={screen.rehearse} />;
    case 'failed':
      return <Failed screen={screen} />;
    case 'run':
      return <RunScreen />;
  }
}

/** Tells the program behind the window what the person prefers. */
function useSettingsTold(session: Session): void {
  const language = useSettings((settings) => settings.language);
  const notifications = useSettings((settings) => settings.notifications);
  useEffect(() => {
    setTextLanguage(language);
    void session.platform.setLanguage(language).catch(() => undefined);
  }, [session, language]);
  useEffect(() => {
    void session.platform.setNotifications(notifications).catch(() => undefined);
  }, [session, notifications]);
}

export function App({ session }: { session: Session }) {
  const screen = useStore(session.screen);
  useThemeOnPage();
  useSettingsTold(session);
  useEffect(() => void session.boot(), [session]);
  const content = (
    <>
      <Boundary>
        <CurrentScreen screen={screen} />
      </Boundary>
      <Toasts inRun={screen.at === 'run'} />
    </>
  );
  return (
    <SessionScope value={session}>
      <Tooltip.Provider delayDuration={500} skipDelayDuration={200}>
        <div data-testid="app-root" data-screen={screen.at} className="h-full bg-canvas">
          {screen.at === 'run' ? <RunScope value={screen.store}>{content}</RunScope> : content}
          <SettingsSheet />
          <ConfirmDialog />
        </div>
      </Tooltip.Provider>
    </SessionScope>
  );
}
