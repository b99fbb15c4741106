// The frames that things stand in: panes and dialogs.

import { Maximize2, Minimize2, X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';

import { useText } from '../i18n';
import type { TextKey } from '../i18n';
import { toggleMaximised, useView } from '../store/view';
import type { PaneName } from '../store/view';
import { Boundary } from './Boundary';
import { IconButton } from './controls';

type PaneProps = { name?: PaneName; title: TextKey; lead?: ReactNode; actions?: ReactNode; children: ReactNode };

/** A pane with its title line. With a `name` it can fill the window. */
export function Pane({ name, title, lead, actions, children }: PaneProps) {
  const t = useText();
  const maximised = useView((view) => name !== undefined && view.maximised === name);
  return (
    <section aria-label={t(title)} className="flex h-full min-h-0 min-w-0 flex-col bg-surface">
      <header className="flex h-9 shrink-0 items-center gap-2 border-b border-line pr-1 pl-3">
        <h2 className="shrink-0 text-xs font-semibold text-ink-2">{t(title)}</h2>
        <div className="flex min-w-0 flex-1 items-center gap-1 overflow-hidden">{lead}</div>
        <div className="flex shrink-0 items-center">{actions}</div>
        {name === undefined ? null : (
          <IconButton
            icon={maximised ? Minimize2 : Maximize2}
            label={maximised ? t('pane.restore') : t('pane.maximise')}
            className="size-6"
            onClick={() => toggleMaximised(name)}
          />
        )}
      </header>
      <div className="relative min-h-0 flex-1">
        <Boundary>{children}</Boundary>
      </div>
    </section>
  );
}

type SheetProps = {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: string;
  children: ReactNode;
  width?: string;
};

export function Sheet({ open, onClose, title, description, children, width = 'w-[440px]' }: SheetProps) {
  const t = useText();
  return (
    <Dialog.Root open={open} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-[oklch(0.15_0.02_280/0.4)]" />
        <Dialog.Content
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          onOpenAutoFocus={(event) => {
            // The sheet itself, not its first button, which would show its hint at once.
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus();
          }}
          className={`rising fixed top-[14vh] left-1/2 z-50 max-h-[76vh] [@media(max-height:760px)]:top-[5vh] [@media(max-height:760px)]:max-h-[90vh] ${width} max-w-[92vw] -translate-x-1/2 overflow-auto rounded-lg border border-line bg-raised shadow-float focus:outline-none`}
        >
          <div className="flex items-start gap-3 px-4 pt-3.5 pb-2">
            <div className="min-w-0 flex-1">
              <Dialog.Title className="text-base font-semibold">{title}</Dialog.Title>
              {description === undefined ? null : (
                <Dialog.Description className="mt-0.5 text-sm text-ink-2">{description}</Dialog.Description>
              )}
            </div>
            <Dialog.Close asChild>
              <IconButton icon={X} label={t('action.close')} className="-mt-0.5 -mr-1.5" />
            </Dialog.Close>
          </div>
          <div className="px-4 pt-1 pb-4">{children}</div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
