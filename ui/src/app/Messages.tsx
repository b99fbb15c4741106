// The questions in the middle and the short messages in the corner.

import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { AlertDialog } from 'radix-ui';
import { useEffect } from 'react';
import type { ReactNode } from 'react';

import { Button, IconButton } from '../design/controls';
import { useText } from '../i18n';
import { NoticeItem } from '../inbox/NoticeItem';
import { answerQuestion, dropToast, useDialogs } from '../store/dialogs';
import type { Toast } from '../store/dialogs';
import { showOverlay } from '../store/view';

const SECONDS = { done: 4, notice: 8, error: 12 };

function Lines({ lines }: { lines: readonly string[] }) {
  const t = useText();
  if (lines.length === 0) return null;
  return (
    <ul
      // Many commands must be scrolled by the keyboard too.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      aria-label={t('confirm.lines')}
      data-testid="confirm-lines"
      className="selectable mt-2 flex max-h-52 flex-col gap-1 overflow-auto rounded-md bg-sunken px-2 py-1.5"
    >
      {lines.map((line, index) => (
        <li key={index} className="font-mono text-2xs wrap-anywhere whitespace-pre-wrap text-ink">
          {line}
        </li>
      ))}
    </ul>
  );
}

export function ConfirmDialog() {
  const t = useText();
  const question = useDialogs((dialogs) => dialogs.question);
  if (question === null) return null;
  return (
    <AlertDialog.Root open onOpenChange={(open) => (open ? undefined : answerQuestion(false))}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fixed inset-0 z-60 bg-[oklch(0.15_0.02_280/0.45)]" />
        <AlertDialog.Content
          data-testid="confirm-dialog"
          className={`rising fixed top-[22vh] left-1/2 z-60 ${question.lines === undefined ? 'w-[420px]' : 'w-[560px]'} max-w-[92vw] -translate-x-1/2 rounded-lg border border-line bg-raised p-4 shadow-float focus:outline-none`}
        >
          <AlertDialog.Title className="text-base font-semibold">{t(question.title, question.values)}</AlertDialog.Title>
          <AlertDialog.Description className="mt-1 text-sm text-ink-2">{t(question.body, question.values)}</AlertDialog.Description>
          {question.detail === '' ? null : (
            <p className="selectable mt-2 rounded-md bg-sunken px-2 py-1.5 text-xs text-ink-2">{question.detail}</p>
          )}
          <Lines lines={question.lines ?? []} />
          <div className="mt-4 flex justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button data-testid="confirm-no">{t('action.not_now')}</Button>
            </AlertDialog.Cancel>
            <AlertDialog.Action asChild>
              <Button
                look={question.tone === 'danger' ? 'danger' : 'primary'}
                data-testid="confirm-yes"
                onClick={(event) => {
                  event.preventDefault();
                  answerQuestion(true);
                }}
              >
                {t(question.confirm, question.values)}
              </Button>
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

function Body({ toast }: { toast: Toast }): ReactNode {
  const t = useText();
  if (toast.kind === 'notice') {
    return (
      <>
        <NoticeItem notice={toast.notice} />
        {toast.more === 0 ? null : (
          <button type="button" onClick={() => showOverlay('inbox')} className="mb-1 ml-8 rounded-sm text-xs text-accent-ink hover:underline">
            {t('inbox.more', { count: toast.more })}
          </button>
        )}
      </>
    );
  }
  if (toast.kind === 'done') {
    return (
      <p className="flex items-start gap-2.5 px-2 py-2 text-sm">
        <CircleCheck size={15} className="mt-0.5 shrink-0 text-completed" aria-hidden="true" />
        <span className="selectable min-w-0 break-words">{t(toast.text, toast.values)}</span>
      </p>
    );
  }
  return (
    <div className="flex items-start gap-2.5 px-2 py-2" data-testid="error-toast" data-code={toast.error.code}>
      <CircleAlert size={15} className="mt-0.5 shrink-0 text-failed" aria-hidden="true" />
      <div className="selectable min-w-0 flex-1">
        <p className="text-sm font-medium">{t(`error.${toast.error.code}`)}</p>
        <p className="text-xs break-words text-ink-2">{toast.error.message}</p>
        {toast.error.hints.map((hint) => (
          <p key={hint} className="text-xs break-words text-ink-3">
            {hint}
          </p>
        ))}
      </div>
    </div>
  );
}

function ToastFrame({ toast }: { toast: Toast }) {
  const t = useText();
  useEffect(() => {
    const timer = setTimeout(() => dropToast(toast.id), SECONDS[toast.kind] * 1000);
    return () => clearTimeout(timer);
  }, [toast.id, toast.kind]);
  return (
    <li className="rising pointer-events-auto flex items-start rounded-lg border border-line bg-raised p-1 shadow-float">
      <div className="min-w-0 flex-1">
        <Body toast={toast} />
      </div>
      <IconButton icon={X} label={t('action.close')} className="size-6" onClick={() => dropToast(toast.id)} />
    </li>
  );
}

export function Toasts({ inRun }: { inRun: boolean }) {
  const t = useText();
  const toasts = useDialogs((dialogs) => dialogs.toasts);
  const shown = inRun ? toasts : toasts.filter((toast) => toast.kind !== 'notice');
  return (
    <ul aria-label={t('messages.title')} aria-live="polite" className="pointer-events-none fixed right-3 bottom-3 z-50 flex w-88 flex-col gap-2">
      {shown.map((toast) => (
        <ToastFrame key={toast.id} toast={toast} />
      ))}
    </ul>
  );
}
