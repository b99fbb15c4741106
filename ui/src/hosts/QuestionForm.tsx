// What a host asks before it can be reached, with the answer in place. A secret lives in its field
// until it is sent, and nowhere else in the window.

import { Check, Copy, KeyRound, ShieldQuestion } from 'lucide-react';
import { useEffect, useState } from 'react';

import { Button } from '../design/controls';
import { useText } from '../i18n';
import { fingerprintPieces, hostKeyFile } from '../model/hosts';
import type { HostAnswer, HostQuestion, HostView } from '../platform/types';
import { useCommands } from '../store/context';

type FormProps = {
  /** As the person knows it. */
  host: string;
  question: HostQuestion;
  /** Whether a secret is kept until the run ends, or for this one use. */
  keeps: 'run' | 'once';
  onAnswer: (answer: HostAnswer) => Promise<void>;
};

const COPIED_MILLIS = 1600;

function CopyButton({ text }: { text: string }) {
  const t = useText();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), COPIED_MILLIS);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <Button look="quiet" icon={copied ? Check : Copy} className="h-6 px-2 text-xs" onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}>
      <span aria-live="polite">{copied ? t('host.copied') : t('host.copy')}</span>
    </Button>
  );
}

function Fingerprint({ fingerprint, type }: { fingerprint: string; type: string }) {
  const t = useText();
  const { head, pieces } = fingerprintPieces(fingerprint);
  return (
    <div className="mt-2 rounded-md border border-line bg-sunken py-2 pr-1.5 pl-3">
      <div className="flex items-center gap-2">
        <span className="min-w-0 flex-1 truncate text-2xs text-ink-3">{t('question.fingerprint', { type })}</span>
        <CopyButton text={fingerprint} />
      </div>
      <p data-testid="fingerprint" aria-label={fingerprint} className="selectable mt-0.5 pr-2 font-mono text-base leading-6.5 tracking-wide text-ink">
        <span className="text-ink-3">{head}</span>
        {/* Narrow gaps for the eye; copied by hand, the pieces are one word again. */}
        {pieces.map((piece, index) => (
          <span key={index} className={`mr-1.5 inline-block ${index % 2 === 0 ? '' : 'text-ink-2'}`}>
            {piece}
          </span>
        ))}
      </p>
    </div>
  );
}

function UnknownKey({ question, host, onAnswer, onLater }: FormProps & { question: HostQuestion & { question: 'unknown_key' }; onLater: () => void }) {
  const t = useText();
  const [busy, setBusy] = useState(false);
  const trust = async (): Promise<void> => {
    setBusy(true);
    await onAnswer({ answer: 'trust', fingerprint: question.fingerprint });
    setBusy(false);
  };
  return (
    <>
      <p className="flex items-center gap-1.5 text-sm font-medium">
        <ShieldQuestion size={14} className="shrink-0 text-back-off" aria-hidden="true" />
        {t('question.unknown_key', { host })}
      </p>
      <p className="mt-0.5 text-xs text-ink-2">{t('question.unknown_key_text')}</p>
      <p className="selectable mt-1 font-mono text-2xs wrap-anywhere text-ink-2">ssh-keygen -lf {hostKeyFile(question.key_type)}</p>
      <Fingerprint fingerprint={question.fingerprint} type={question.key_type} />
      <p className="selectable mt-1.5 text-2xs wrap-anywhere text-ink-3">{t('question.kept_as', { place: question.kept_as })}</p>
      <div className="mt-2 flex gap-1.5">
        <Button look="primary" data-testid="trust-key" disabled={busy} onClick={() => void trust()}>
          {t('question.trust')}
        </Button>
        <Button data-testid="question-later" onClick={onLater}>
          {t('question.not_now')}
        </Button>
      </div>
    </>
  );
}

function SecretField({ question, host, keeps, onAnswer, onLater }: FormProps & { question: Exclude<HostQuestion, { question: 'unknown_key' }>; onLater: () => void }) {
  const t = useText();
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const locked = question.question === 'passphrase';
  const label = t(locked ? 'question.passphrase_label' : 'question.password_label');
  const send = async (): Promise<void> => {
    const said = secret;
    setSecret('');
    setBusy(true);
    await onAnswer({ answer: 'secret', secret: said });
    setBusy(false);
  };
  return (
    <form
      autoComplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        if (secret !== '') void send();
      }}
    >
      <p className="flex items-start gap-1.5 text-sm font-medium">
        <KeyRound size={14} className="mt-0.5 shrink-0 text-back-off" aria-hidden="true" />
        <span className="selectable min-w-0 wrap-anywhere">{question.question === 'passphrase' ? t('question.passphrase', { key: question.key }) : t('question.password', { host })}</span>
      </p>
      {question.question === 'passphrase' || question.prompt === '' ? null : <p className="selectable mt-0.5 text-xs wrap-anywhere text-ink-2">{question.prompt}</p>}
      <div className="mt-2 flex gap-1.5">
        <input
          type="password"
          data-testid="host-secret"
          aria-label={label}
          placeholder={label}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={secret}
          onChange={(event) => setSecret(event.target.value)}
          className="h-7 min-w-0 flex-1 rounded-md border border-line-strong bg-surface px-2 text-sm outline-none focus:border-accent"
        />
        <Button type="submit" look="primary" data-testid="send-secret" disabled={busy || secret === ''}>
          {t(locked ? 'question.send' : 'question.log_in')}
        </Button>
        <Button data-testid="question-later" onClick={onLater}>
          {t('question.not_now')}
        </Button>
      </div>
      <p className="mt-1.5 text-2xs text-ink-3">{t(keeps === 'run' ? 'question.kept_in_memory' : 'question.not_kept')}</p>
    </form>
  );
}

export function QuestionForm(props: FormProps) {
  const t = useText();
  const { question } = props;
  const [later, setLater] = useState(false);
  if (later) {
    return (
      <Button icon={KeyRound} data-testid="question-answer" onClick={() => setLater(false)}>
        {t('question.answer')}
      </Button>
    );
  }
  const onLater = (): void => setLater(true);
  return (
    <div data-testid="host-question" data-question={question.question}>
      {question.question === 'unknown_key' ? (
        <UnknownKey {...props} question={question} onLater={onLater} />
      ) : (
        <SecretField {...props} question={question} onLater={onLater} />
      )}
    </div>
  );
}

/** What a host of the run asks, answered to its backend. */
export function RunQuestion({ host }: { host: HostView }) {
  const commands = useCommands();
  if (host.question === null) return null;
  return (
    <QuestionForm
      key={JSON.stringify(host.question)}
      host={host.id}
      question={host.question}
      keeps="run"
      onAnswer={(answer) => commands.answerHost(host.id, answer)}
    />
  );
}
