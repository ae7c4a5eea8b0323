import type { ConnectionAcceptor } from '@parley/core/ports';
import { ComponentStream, type ComponentStreams } from './stream.ts';

/** Takes connections of external components (XEP-0114). */
export function componentAcceptor(parts: ComponentStreams): ConnectionAcceptor {
  return { accept: (connection) => new ComponentStream(connection, parts) };
}
