import { describe, expect, test } from '@jest/globals';
import { member } from '../support/answers.js';
import { createTestApp } from '../support/test-app.js';

describe.each(['X-Forwarded-For', 'Forwarded', 'X-Real-IP'])('%s', (header) => {
  test('from a proxy that nobody has told of is warned of in readiness and the log, once, for a day', async () => {
    const auth = await createTestApp();
    const warnings = async (): Promise<unknown> => member((await auth.http().get('/health/ready')).body, 'warnings');
    expect(await warnings()).toEqual([]);
    for (const address of ['192.0.2.1', '192.0.2.2']) await auth.http().get('/errors').set(header, address);
    expect(await warnings()).toEqual([expect.stringContaining('TRUST_PROXY')]);
    expect(auth.log.filter((line) => line.includes('TRUST_PROXY'))).toHaveLength(1);
    expect(auth.log.join('')).not.toContain('192.0.2.1');
    auth.clock.advance(24 * 3600);
    expect(await warnings()).toEqual([]);
    await auth.close();
  });

  test('from one that is trusted is nothing to be told', async () => {
    const auth = await createTestApp({ TRUST_PROXY: '1' });
    await auth.http().get('/errors').set(header, '192.0.2.1');
    expect(member((await auth.http().get('/health/ready')).body, 'warnings')).toEqual([]);
    expect(auth.log.join('')).not.toContain('TRUST_PROXY');
    await auth.close();
  });
});
