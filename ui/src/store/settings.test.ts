import { describe, expect, it } from 'vitest';

import { readSettings } from './settings';

describe('stored settings', () => {
  it('fall back to the defaults where they are not understood', () => {
    const defaults = { theme: 'system', language: 'ja', notifications: true };
    expect(readSettings(null, 'ja')).toEqual(defaults);
    expect(readSettings('{"theme":', 'ja')).toEqual(defaults);
    expect(readSettings('{"theme":"pink","language":"de","notifications":1}', 'ja')).toEqual(defaults);
    expect(readSettings('{"theme":"dark","language":"en","notifications":false}', 'ja')).toEqual({
      theme: 'dark',
      language: 'en',
      notifications: false,
    });
  });
});
