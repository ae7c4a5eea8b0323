import type { LinkRequest } from '@parley/sdk';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { encode } from 'uqr';
import { Icon } from '../ui/Icon.tsx';

/** Properties of {@link LinkDevice}. */
export interface LinkDeviceProps {
  /** Asks for a code; rejects with an Error whose message is a sentence for the person. */
  readonly request: () => Promise<LinkRequest>;
  /** This device was let in. */
  readonly linked: () => Promise<void>;
  readonly onBack: () => void;
}

/** Where the code leads a device that reads it from the screen. */
const pageFor = (code: string): string => `${location.origin}/#/?panel=devices&link=${code}`;

/** The code as squares: one path of the dark ones. */
function QrCode({ text }: { readonly text: string }): ReactElement {
  const { data, size } = encode(text, { border: 2 });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return (
    <svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code with the code below" shapeRendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

/** A new device shows a code and waits until one that is signed in confirms it. A code that is over is replaced by another one. */
export default function LinkDevice({ request, linked, onBack }: LinkDeviceProps): ReactElement {
  const [code, setCode] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [round, again] = useState(0);
  const entered = useRef(linked);
  entered.current = linked;

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again for each round
  useEffect(() => {
    let current: LinkRequest | undefined;
    let alive = true;
    document.title = 'Link this device · Parley';
    const run = async (): Promise<void> => {
      for (;;) {
        current = await request();
        if (!alive) return current.cancel();
        setCode(current.code);
        try {
          await current.linked;
        } catch (error) {
          // Over: show another one, as long as somebody looks.
          if (alive && (error as { readonly code?: unknown }).code === 'code-expired') continue;
          throw error;
        }
        if (alive) await entered.current();
        return;
      }
    };
    run().catch((error: unknown) => {
      if (!alive) return;
      setCode(undefined);
      setProblem(error instanceof Error ? error.message : 'Something went wrong. Please try again.');
    });
    return () => {
      alive = false;
      current?.cancel();
    };
  }, [round]);

  return (
    <div className="link-device">
      <h1>Link this device</h1>
      {problem === undefined ? (
        <>
          <ol>
            <li>Open Parley on a device that is signed in.</li>
            <li>Go to Settings, Devices, Link a device.</li>
            <li>Type this code there, or point a phone's camera at the picture.</li>
          </ol>
          {code === undefined ? (
            <span className="spinner big" role="status" aria-label="Asking for a code" />
          ) : (
            <>
              <QrCode text={pageFor(code)} />
              <output className="link-code" aria-label="Code">
                {code.slice(0, 4)}-{code.slice(4)}
              </output>
            </>
          )}
        </>
      ) : (
        <>
          <div className="notice error" role="alert">
            <Icon name="alert" size={20} />
            {problem}
          </div>
          <button
            type="button"
            className="button primary wide"
            onClick={() => {
              setProblem(undefined);
              again((n) => n + 1);
            }}
          >
            Show a new code
          </button>
        </>
      )}
      <button type="button" className="button plain wide" onClick={onBack}>
        Sign in in another way
      </button>
    </div>
  );
}
