// Buttons and the small marks that stand beside them.

import { Tooltip } from 'radix-ui';
import type { LucideIcon } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:brightness-110 active:brightness-95 border-transparent shadow-card',
  plain: 'bg-raised text-ink border-line-strong hover:bg-hover active:bg-press shadow-card',
  quiet: 'text-ink-2 border-transparent hover:bg-hover hover:text-ink active:bg-press',
  danger: 'bg-raised text-failed border-line-strong hover:bg-hover active:bg-press shadow-card',
};

type ButtonProps = ComponentProps<'button'> & { look?: Look; icon?: LucideIcon; hint?: string };

/** `hint` says why it is disabled, or what it does; it is also read out. */
export function Button({ look = 'plain', icon: Icon, hint, children, className = '', ...rest }: ButtonProps) {
  const button = (
    <button
      type="button"
      className={`inline-flex h-7 shrink-0 items-center justify-center gap-1.5 rounded-md border px-2.5 text-sm whitespace-nowrap transition-colors disabled:pointer-events-none disabled:opacity-45 ${LOOKS[look]} ${className}`}
      {...rest}
    >
      {Icon === undefined ? null : <Icon size={14} aria-hidden="true" />}
      {children}
    </button>
  );
  return hint === undefined ? button : <Hint text={hint}>{rest.disabled === true ? <span>{button}</span> : button}</Hint>;
}

type IconButtonProps = Omit<ComponentProps<'button'>, 'children'> & { icon: LucideIcon; label: string; pressed?: boolean };

export function IconButton({ icon: Icon, label, pressed, className = '', ...rest }: IconButtonProps) {
  return (
    <Hint text={label}>
      <button
        type="button"
        aria-label={label}
        aria-pressed={pressed}
        className={`inline-flex size-7 shrink-0 items-center justify-center rounded-md text-ink-2 transition-colors hover:bg-hover hover:text-ink active:bg-press disabled:pointer-events-none disabled:opacity-40 aria-pressed:bg-accent-soft aria-pressed:text-accent-ink ${className}`}
        {...rest}
      >
        <Icon size={15} aria-hidden="true" />
      </button>
    </Hint>
  );
}

export function Hint({ text, children }: { text: string; children: ReactNode }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          sideOffset={6}
          collisionPadding={8}
          className="rising z-60 max-w-72 rounded-md border border-line bg-raised px-2 py-1 text-xs text-ink shadow-float"
        >
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export function Kbd({ children }: { children: ReactNode }) {
  return (
    <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded-sm border border-line-strong bg-sunken px-1 font-sans text-2xs text-ink-2">
      {children}
    </kbd>
  );
}

type Tone = 'neutral' | 'accent' | 'rehearsal' | 'phase';

const TONES: Record<Tone, string> = {
  neutral: 'bg-hover text-ink-2',
  accent: 'bg-accent-soft text-accent-ink',
  rehearsal: 'bg-rehearsal-soft text-rehearsal',
  phase: 'bg-[color-mix(in_oklab,var(--phase)_14%,transparent)] text-[color-mix(in_oklab,var(--phase)_82%,var(--ink))]',
};

export function Chip({ tone = 'neutral', className = '', ...rest }: ComponentProps<'span'> & { tone?: Tone }) {
  return (
    <span
      className={`inline-flex h-5 shrink-0 items-center gap-1 rounded-sm px-1.5 text-2xs font-medium whitespace-nowrap ${TONES[tone]} ${className}`}
      {...rest}
    />
  );
}

/** `value` goes from 0 to 1. */
export function Progress({ value, label, className = '' }: { value: number; label: string; className?: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className={`h-1 overflow-hidden rounded-full bg-press ${className}`}
    >
      {/* No transition: it would put each bar, and what lies near it, on a layer of its own at every patch. */}
      <div
        className="h-full origin-left rounded-full bg-(--phase,var(--accent))"
        style={{ transform: `scaleX(${Math.min(1, Math.max(0, value))})` }}
      />
    </div>
  );
}
