// The entry of the window.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app/App';
import { detectPlatform } from './platform/detect';
import { createSession } from './store/session';
import { setTextLanguage } from './i18n';
import { resolveTheme, useSettings } from './store/settings';
import './styles.css';

const { language, theme } = useSettings.getState();
setTextLanguage(language);
document.documentElement.dataset['theme'] = resolveTheme(theme);

const session = createSession(await detectPlatform());
const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App session={session} />
    </StrictMode>,
  );
}
