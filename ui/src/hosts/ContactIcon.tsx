// How contact with a host stands, as a shape: it is told apart without its colour.

import type { ContactLook } from '../model/hosts';

const COLOURS: Record<ContactLook, string> = {
  unknown: 'text-ink-3',
  connecting: 'text-running',
  ready: 'text-completed',
  probing: 'text-back-off',
  reconnecting: 'text-back-off',
  refused: 'text-failed',
  asks: 'text-back-off',
  gone: 'text-ink-3',
};

function shape(contact: ContactLook): React.JSX.Element {
  const stroke = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.6, strokeLinecap: 'round' } as const;
  switch (contact) {
    case 'unknown':
      return <circle cx="8" cy="8" r="4.6" {...stroke} strokeDasharray="1.6 2.2" strokeLinecap="butt" />;
    case 'connecting':
      return (
        <>
          <circle cx="8" cy="8" r="5" {...stroke} opacity="0.25" />
          <path d="M8 3 A5 5 0 0 1 13 8" {...stroke} strokeWidth={2} className="turning" style={{ transformOrigin: '8px 8px' }} />
        </>
      );
    case 'ready':
      return <circle cx="8" cy="8" r="4.6" fill="currentColor" />;
    case 'probing':
      return (
        <>
          <circle cx="8" cy="8" r="5.4" {...stroke} />
          <path d="M5.3 8 h0.01 M8 8 h0.01 M10.7 8 h0.01" {...stroke} strokeWidth={2} />
        </>
      );
    case 'reconnecting':
      return (
        <g className="turning" style={{ transformOrigin: '8px 8px', animationDuration: '3.2s' }}>
          <path d="M13 7 A5.2 5.2 0 0 0 3.6 5.2" {...stroke} />
          <path d="M3 9 A5.2 5.2 0 0 0 12.4 10.8" {...stroke} />
          <path d="M3.4 2.4 V5.4 H6.4" {...stroke} strokeLinejoin="round" />
          <path d="M12.6 13.6 V10.6 H9.6" {...stroke} strokeLinejoin="round" />
        </g>
      );
    case 'refused':
      return (
        <>
          <rect x="2.6" y="2.6" width="10.8" height="10.8" rx="2" fill="currentColor" />
          <path d="M5.4 8 H10.6" {...stroke} stroke="var(--surface)" strokeWidth={1.9} />
        </>
      );
    case 'asks':
      return (
        <>
          <rect x="2.4" y="2.4" width="11.2" height="11.2" rx="3" {...stroke} />
          <path d="M6.3 6.5 A1.75 1.75 0 1 1 8 8.4 V8.9" {...stroke} strokeWidth={1.5} />
          <circle cx="8" cy="11" r="0.9" fill="currentColor" />
        </>
      );
    case 'gone':
      return (
        <>
          <circle cx="8" cy="8" r="5.2" {...stroke} />
          <path d="M5.9 5.9 L10.1 10.1 M10.1 5.9 L5.9 10.1" {...stroke} strokeWidth={1.5} />
        </>
      );
  }
}

export function ContactIcon({ contact, size = 13 }: { contact: ContactLook; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" className={`shrink-0 ${COLOURS[contact]}`}>
      {shape(contact)}
    </svg>
  );
}
