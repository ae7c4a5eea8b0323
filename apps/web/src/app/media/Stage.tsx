import { type ReactElement, useEffect, useMemo, useRef, useState } from 'react';
import { formatBytes } from '../../shared/format.ts';
import { Icon } from '../../ui/Icon.tsx';

/** A file that waits to be sent, with what is written under it. */
export interface Staged {
  readonly id: string;
  readonly file: File;
  readonly caption: string;
}

/** Properties of {@link Stage}. */
export interface StageProps {
  readonly items: readonly Staged[];
  readonly name: string;
  readonly change: (items: readonly Staged[]) => void;
  readonly addFiles: (files: readonly File[]) => void;
  readonly send: (items: readonly Staged[]) => void;
}

/** Whether browsers show this kind of file as a picture. */
export const isPhoto = (type: string): boolean => /^image\/(jpeg|png|webp|gif|avif)$/.test(type);

/** Object URLs for the pictures among the files, freed when they are no longer staged. */
function usePreviews(items: readonly Staged[]): ReadonlyMap<string, string> {
  const made = useRef(new Map<string, string>());
  const urls = useMemo(() => {
    for (const { id, file } of items) if (isPhoto(file.type) && !made.current.has(id)) made.current.set(id, URL.createObjectURL(file));
    for (const [id, url] of made.current) {
      if (items.some((item) => item.id === id)) continue;
      URL.revokeObjectURL(url);
      made.current.delete(id);
    }
    return new Map(made.current);
  }, [items]);
  useEffect(() => {
    const all = made.current;
    return () => {
      for (const url of all.values()) URL.revokeObjectURL(url);
      all.clear();
    };
  }, []);
  return urls;
}

/** The tray of photos and files before they go out: look at them, write captions, take some away, add more. */
export function Stage({ items, name, change, addFiles, send }: StageProps): ReactElement | null {
  const [chosen, choose] = useState(items[0]?.id);
  const previews = usePreviews(items);
  const caption = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const active = items.find((item) => item.id === chosen) ?? items[0];
  const activeId = active?.id;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the caption takes the focus for each item
  useEffect(() => caption.current?.focus(), [activeId]);

  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.preventDefault();
      change([]);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [change]);

  if (active === undefined) return null;
  const preview = previews.get(active.id);
  const remove = (id: string): void => change(items.filter((item) => item.id !== id));

  return (
    <section className="stage" aria-label={`Files for ${name}`}>
      <div className="top">
        <button type="button" className="icon-button" aria-label="Discard all" title="Discard all" onClick={() => change([])}>
          <Icon name="close" />
        </button>
        <h2 dir="auto">{active.file.name}</h2>
      </div>
      <div className="preview">
        {preview === undefined ? (
          <figure>
            <Icon name="document" size={84} />
            <strong dir="auto">{active.file.name}</strong>
            <span>{formatBytes(active.file.size)}</span>
          </figure>
        ) : (
          <img src={preview} alt={active.file.name} />
        )}
      </div>
      <form
        className="composer"
        aria-label="Caption"
        onSubmit={(event) => {
          event.preventDefault();
          send(items);
        }}
      >
        <div className="box">
          <textarea
            ref={caption}
            rows={1}
            dir="auto"
            value={active.caption}
            maxLength={4000}
            placeholder="Add a caption"
            aria-label={`Caption for ${active.file.name}`}
            onChange={(event) => change(items.map((item) => (item.id === active.id ? { ...item, caption: event.target.value } : item)))}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              send(items);
            }}
          />
          <button
            type="submit"
            className="icon-button filled"
            aria-label={items.length === 1 ? 'Send' : `Send ${items.length} files`}
            title="Send"
          >
            <Icon name="send" size={22} />
          </button>
        </div>
      </form>
      <ul className="tray" aria-label="Staged files">
        {items.map((item) => {
          const thumb = previews.get(item.id);
          return (
            <li key={item.id}>
              <button
                type="button"
                className="thumb"
                aria-label={item.file.name}
                aria-current={item.id === active.id ? 'true' : undefined}
                onClick={() => choose(item.id)}
              >
                {thumb === undefined ? <Icon name="document" /> : <img src={thumb} alt="" />}
              </button>
              <button
                type="button"
                className="remove"
                aria-label={`Remove ${item.file.name}`}
                title="Remove"
                onClick={() => remove(item.id)}
              >
                <Icon name="close" size={16} />
              </button>
            </li>
          );
        })}
        <li>
          <button
            type="button"
            className="thumb add"
            aria-label="Add more files"
            title="Add more files"
            onClick={() => picker.current?.click()}
          >
            <Icon name="attach" />
          </button>
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            aria-label="More photos or files"
            onChange={(event) => {
              addFiles([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </li>
      </ul>
    </section>
  );
}
