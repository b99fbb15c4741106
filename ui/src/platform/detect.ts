// Which world the window lives in. The in-memory one is loaded only where it is wanted, so that
// the desktop program never carries it in its first load.

import type { Platform } from './platform';

function inDesktopShell(): boolean {
  return '__TAURI_INTERNALS__' in globalThis && !new URLSearchParams(location.search).has('memory');
}

export async function detectPlatform(): Promise<Platform> {
  if (inDesktopShell()) {
    const { tauriPlatform } = await import('./tauri');
    return tauriPlatform();
  }
  const { memoryPlatform, memoryOptionsFrom } = await import('./memory/platform');
  return memoryPlatform(memoryOptionsFrom(new URLSearchParams(location.search)));
}
