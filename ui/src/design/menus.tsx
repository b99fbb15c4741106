// Menus and choices, on Radix.

import { Check, ChevronDown } from 'lucide-react';
import { DropdownMenu, Switch, ToggleGroup } from 'radix-ui';
import type { ReactNode } from 'react';

export const MENU_LOOK =
  'rising z-50 max-h-[min(420px,var(--radix-dropdown-menu-content-available-height))] min-w-44 overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-float';
export const ITEM_LOOK =
  'flex min-h-7 items-center gap-2 rounded-md px-2 py-1 text-sm outline-none data-[disabled]:opacity-55 data-[highlighted]:bg-accent-soft';

type Option<T extends string> = { value: T; label: string; note?: string };

type PickProps<T extends string> = {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onPick: (value: T) => void;
};

export function PickMenu<T extends string>({ label, value, options, onPick }: PickProps<T>) {
  const current = options.find((option) => option.value === value);
  const shown = current?.label ?? value;
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger
        // Its name holds what is seen, so that it can be called by that.
        aria-label={shown.startsWith(label) ? shown : `${label}: ${shown}`}
        className="inline-flex h-6 max-w-56 items-center gap-1 rounded-md px-1.5 text-xs text-ink-2 hover:bg-hover data-[state=open]:bg-hover"
      >
        <span className="truncate font-medium">{shown}</span>
        <ChevronDown size={12} aria-hidden="true" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="start" sideOffset={4} collisionPadding={8} className={MENU_LOOK}>
          <DropdownMenu.RadioGroup value={value} onValueChange={(next) => onPick(next as T)}>
            {options.map((option) => (
              <DropdownMenu.RadioItem key={option.value} value={option.value} className={ITEM_LOOK}>
                <span className="size-3.5 shrink-0">
                  <DropdownMenu.ItemIndicator>
                    <Check size={14} aria-hidden="true" />
                  </DropdownMenu.ItemIndicator>
                </span>
                <span className="tabular">{option.label}</span>
                {option.note === undefined ? null : <span className="ml-auto pl-3 text-2xs text-ink-3">{option.note}</span>}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

type SegmentedProps<T extends string> = {
  label: string;
  value: T;
  options: readonly { value: T; label: ReactNode; testId?: string }[];
  onPick: (value: T) => void;
};

export function Segmented<T extends string>({ label, value, options, onPick }: SegmentedProps<T>) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      onValueChange={(next) => (next === '' ? undefined : onPick(next as T))}
      className="inline-flex rounded-md bg-press p-0.5"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          data-testid={option.testId}
          className="inline-flex h-6 items-center gap-1.5 rounded-sm px-2.5 text-xs text-ink-2 hover:text-ink data-[state=on]:bg-raised data-[state=on]:text-ink data-[state=on]:shadow-card"
        >
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}

export function Toggle({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <Switch.Root
      aria-label={label}
      checked={checked}
      onCheckedChange={onChange}
      className="inline-flex h-4.5 w-8 shrink-0 items-center rounded-full bg-line-strong p-0.5 transition-colors data-[state=checked]:bg-accent"
    >
      <Switch.Thumb className="block size-3.5 rounded-full bg-[oklch(1_0_0)] shadow-card transition-transform data-[state=checked]:translate-x-3.5" />
    </Switch.Root>
  );
}
