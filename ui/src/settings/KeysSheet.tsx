// Every key, on one sheet.

import { Kbd } from '../design/controls';
import { Sheet } from '../design/surfaces';
import { useText } from '../i18n';
import { showOverlay, useView } from '../store/view';

const KEYS = [
  ['keys.move', ['j', 'k', '↓', '↑']],
  ['keys.edges', ['←', '→']],
  ['keys.inspector', ['Enter']],
  ['keys.clear', ['Esc']],
  ['keys.hosts', ['h']],
  ['keys.terminal', ['t']],
  ['keys.reassign', ['r']],
  ['keys.review', ['v']],
  ['keys.pause', ['p']],
  ['keys.fit', ['f']],
  ['keys.panes', ['1', '2', '3']],
  ['keys.inbox', ['i']],
  ['keys.export', ['e']],
  ['keys.palette', ['Ctrl K', '⌘ K']],
  ['keys.help', ['?']],
] as const;

export function KeysSheet() {
  const t = useText();
  const open = useView((view) => view.overlay === 'keys');
  return (
    <Sheet open={open} onClose={() => showOverlay(null)} title={t('keys.title')}>
      <dl className="flex flex-col">
        {KEYS.map(([label, keys]) => (
          <div key={label} className="flex items-center gap-4 border-t border-line py-1.5 first:border-0">
            <dt className="flex-1 text-sm text-ink-2">{t(label)}</dt>
            <dd className="flex gap-1">
              {keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Sheet>
  );
}
