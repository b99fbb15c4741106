// What stands where there is nothing yet, or where something went wrong.

import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

type EmptyProps = { icon: LucideIcon; title: string; text?: string; children?: ReactNode };

export function Empty({ icon: Icon, title, text, children }: EmptyProps) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-1 px-6 py-8 text-center">
      <Icon size={20} className="mb-1 text-ink-3" aria-hidden="true" />
      <p className="text-sm font-medium text-ink-2">{title}</p>
      {text === undefined ? null : <p className="selectable max-w-80 text-xs text-ink-3">{text}</p>}
      {children === undefined ? null : <div className="mt-3 flex gap-2">{children}</div>}
    </div>
  );
}
